/** `JSON.rawJSON`, `JSON.isRawJSON` and the source text in revivers are newer than TypeScript's library. */
const json = JSON as typeof JSON & {
  rawJSON(text: string): object
  isRawJSON(value: unknown): value is { readonly rawJSON: string }
}

/** Written so, a number is not sure to come back as it was: many digits, a fraction, an exponent, a minus before 0. */
const delicate = /\d{16}|\d[.eE][\d+-]|[:,[\s]-0|^-0/

/**
 * As `JSON.parse`, but no number is changed: one that JavaScript would write in another way (`9007199254740993`, `1.50`,
 * `1e400`) becomes `JSON.rawJSON` of its text, which `JSON.stringify` and the journal write as it was.
 *
 * @throws SyntaxError; RangeError when values are nested by the thousand.
 * @example
 * ```ts
 * JSON.stringify(parseExactJson('{"id": 9007199254740993, "price": 1.50, "n": 2}')) // => '{"id":9007199254740993,"price":1.50,"n":2}'
 * ```
 */
export function parseExactJson(text: string): unknown {
  if (!delicate.test(text)) return JSON.parse(text) as unknown
  return JSON.parse(text, function keepDigits(this: unknown, _name: string, value: unknown, ...rest: unknown[]) {
    if (typeof value !== "number") return value
    const { source } = rest[0] as { readonly source: string }
    return String(value) === source ? value : json.rawJSON(source)
  }) as unknown
}

/** The digits of a number that `parseExactJson` kept as they were; `undefined` for every other value. */
export function exactDigits(value: unknown): string | undefined {
  return json.isRawJSON(value) ? value.rawJSON : undefined
}
