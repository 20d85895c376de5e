import { usageError } from "../usage-error.ts"

/** Where each kind of model finds its key. Keys come from the environment alone: an argument would be in everybody's `ps`. */
export const keyNames: Readonly<Record<string, string>> = {
  openai: "OPENAI_API_KEY",
  anthropic: "ANTHROPIC_API_KEY",
  google: "GOOGLE_GENERATIVE_AI_API_KEY",
  "openai-compatible": "SLUICE_API_KEY",
}

export type Env = Readonly<Record<string, string | undefined>>

/** The keys in the environment: what must never be stored or shown. */
export function keysIn(env: Env): string[] {
  return Object.values(keyNames).flatMap((name) => {
    const key = env[name]
    return key !== undefined && key.length >= 8 ? [key] : []
  })
}

/** The vendor and the model's name in `openai:gpt-5-mini`; throws when there is no such vendor. */
export function parseModelName(name: string): { readonly vendor: string; readonly id: string } {
  const [, vendor = "", id = ""] = /^([^:]*):(.*)$/.exec(name) ?? []
  const known = [...Object.keys(keyNames), "lab", "noop"]
  if (!known.includes(vendor)) {
    throw usageError(
      `--model ${name}: wanted VENDOR:MODEL, where VENDOR is one of ${known.join(", ")}; for example openai:gpt-5-mini.`,
    )
  }
  if (id === "" && vendor in keyNames)
    throw usageError(`--model ${name}: name a model after the colon, for example ${vendor}:gpt-5-mini.`)
  return { vendor, id: id || vendor }
}
