import { hash } from "node:crypto"
import type { Question } from "../question/compile-question.ts"

/** Changes when the model or the question does. */
export function versionOf(model: string, { fingerprint }: Question): string {
  return hash("sha256", JSON.stringify([model, fingerprint]), "hex").slice(0, 16)
}

/** The parts of a question by their names, so that a change can be told; their texts are nobody's business here. */
export function partsOf(model: string, { fingerprint }: Question): Record<string, string> {
  const parts = Object.entries(fingerprint).filter(([, part]) => part !== undefined)
  const hashed = parts.map(([name, part]) => [name, hash("sha256", JSON.stringify(part), "hex").slice(0, 16)] as const)
  return { model, ...Object.fromEntries(hashed) }
}
