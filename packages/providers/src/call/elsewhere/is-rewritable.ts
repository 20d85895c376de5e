/**
 * Whether JSON that is parsed and written again still says the same: no name twice in one object, of which one would be lost, and
 * no number of more digits than JavaScript keeps.
 */
export function isRewritable(text: string): boolean {
  let members = 0
  let isExact = true
  JSON.parse(text, function visit(this: unknown, _name: string, value: unknown, ...rest: unknown[]) {
    if (!Array.isArray(this)) members++
    // Newer than TypeScript's library.
    const { source } = (rest[0] ?? {}) as { readonly source?: string }
    if (typeof value === "number" && source !== undefined && !keepsDigits(value, source)) isExact = false
    return value
  })
  // All is visited once, the whole as a member too; what was lost is not.
  return isExact && members - 1 === colonsOutsideStrings(text)
}

function colonsOutsideStrings(json: string): number {
  let count = 0
  let isQuoted = false
  for (let at = 0; at < json.length; at++) {
    const char = json[at]
    if (char === '"') isQuoted = !isQuoted
    else if (isQuoted && char === "\\") at++
    else if (!isQuoted && char === ":") count++
  }
  return count
}

// Every decimal of so many digits comes back from a double as it was.
const keptDigits = 15

function keepsDigits(value: number, source: string): boolean {
  const digits = source.split(/e/i, 1)[0]!.replaceAll(/[^\d]/g, "").replace(/^0+/, "")
  return Number.isFinite(value) && (digits.length <= keptDigits || String(value) === source)
}
