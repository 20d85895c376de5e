import { hideKeyShapes } from "@sluice/core/internal"
import { exactDigits } from "../values/exact-json.ts"

const mark = "[redacted]"
const known = new WeakMap<readonly string[], readonly string[]>()

/**
 * Removes keys from text that is about to be stored or shown: those listed, and everything that has the shape of a
 * vendor's key.
 *
 * @example
 * ```ts
 * redactSecrets("401 for sk-proj-abcdefghijklmnop1234", []) // => "401 for [redacted]"
 * redactSecrets("token is hunter2hunter2", ["hunter2hunter2"]) // => "token is [redacted]"
 * ```
 */
export function redactSecrets(text: string, secrets: readonly string[]): string {
  return hideKeyShapes(redactListed(text, formsOf(secrets)))
}

/**
 * Plain data without the secrets that are listed, before it becomes JSON: text is searched as it is, and a key's quotes
 * or backslashes hide nothing and break nothing. What equals `input` is an item's own input, which stays as it was.
 */
export function redactPlain<T>(value: T, secrets: readonly string[], input?: unknown): T {
  const forms = formsOf(secrets)
  return forms.length === 0 ? value : (redact(value, forms, input) as T)
}

function redact(value: unknown, forms: readonly string[], input: unknown): unknown {
  if (value === input) return value
  if (typeof value === "string") return redactListed(value, forms)
  if (typeof value !== "object" || value === null || exactDigits(value) !== undefined) return value
  if (Array.isArray(value)) return value.map((one) => redact(one, forms, input))
  const members = Object.entries(value as Readonly<Record<string, unknown>>)
  return Object.fromEntries(members.map(([name, member]) => [redactListed(name, forms), redact(member, forms, input)]))
}

function redactListed(text: string, forms: readonly string[]): string {
  return forms.reduce((clean, form) => clean.replaceAll(form, mark), text)
}

/** How a secret may be written: as it is, as a header is sent, inside JSON, in an address. The longest first. */
function formsOf(secrets: readonly string[]): readonly string[] {
  let forms = known.get(secrets)
  if (!forms) {
    const all = secrets.flatMap((secret) =>
      [secret, secret.trim()].flatMap((text) => [
        text,
        JSON.stringify(text).slice(1, -1),
        encodeURIComponent(text.toWellFormed()),
      ]),
    )
    forms = [...new Set(all)].filter((form) => form !== "").toSorted((a, b) => b.length - a.length)
    known.set(secrets, forms)
  }
  return forms
}
