import { usageError } from "../usage-error.ts"

/** Where each kind of model finds its key. Keys come from the environment alone: an argument would be in everybody's `ps`. */
export const keyNames: Readonly<Record<string, string>> = {
  openai: "OPENAI_API_KEY",
  anthropic: "ANTHROPIC_API_KEY",
  google: "GOOGLE_GENERATIVE_AI_API_KEY",
  "openai-compatible": "SLUICE_API_KEY",
}

/** Whose models begin so. */
const makers: readonly (readonly [RegExp, string])[] = [
  [/^(gpt-|chatgpt-|o\d)/, "openai"],
  [/^claude-/, "anthropic"],
  [/^gemini-/, "google"],
]

export type Env = Readonly<Record<string, string | undefined>>

/** The keys in the environment that can be told from other text: they are never stored or shown. */
export function keysIn(env: Env): string[] {
  return Object.values(keyNames)
    .map((name) => env[name] ?? "")
    .filter((key) => isDistinct(key.trim()))
}

/** A word or a number (`required`, `not-needed`, `12345678`) also stands in answers: looking for it would change them. */
function isDistinct(key: string): boolean {
  return key.length >= 20 || (key.length >= 8 && /\d/.test(key) && /\p{L}/u.test(key))
}

/** What nobody can look for in what a vendor answers. */
export function weakKeyWarning(vendor: string, env: Env): string | undefined {
  const name = keyNames[vendor] ?? ""
  const key = env[name]?.trim()
  if (!key || isDistinct(key)) return undefined
  return `${name} is too short or too common a text to be looked for: a server that repeats it puts it into the results and the journal.`
}

/** The key of a vendor as a header takes it; a line end that a file left is dropped. Throws what no header can hold. */
export function keyOf(vendor: string, env: Env): string | undefined {
  const name = keyNames[vendor] ?? ""
  const key = env[name]?.trim()
  if (key !== undefined && /[^\t\x20-\x7E\x80-\xFF]/.test(key)) {
    throw usageError(
      `${name} holds a character that no header can: a line end in the middle, a control character or a letter beyond Latin-1. Set it anew.`,
    )
  }
  return key === "" ? undefined : key
}

/** The vendor and the model's name in `openai:gpt-5-mini`; throws when there is no such vendor. */
export function parseModelName(name: string): { readonly vendor: string; readonly id: string } {
  const [, vendor = "", id = ""] = /^([^:]*):(.*)$/.exec(name) ?? []
  const known = [...Object.keys(keyNames), "lab", "noop"]
  if (!known.includes(vendor)) {
    const maker = makers.find(([begin]) => begin.test(name))?.[1]
    const example = maker ? `did you mean ${maker}:${name}?` : "for example openai:gpt-5-mini."
    throw usageError(`--model ${name}: wanted VENDOR:MODEL, where VENDOR is one of ${known.join(", ")}; ${example}`)
  }
  if (id === "" && vendor in keyNames)
    throw usageError(`--model ${name}: name a model after the colon, for example ${vendor}:gpt-5-mini.`)
  return { vendor, id: id || vendor }
}
