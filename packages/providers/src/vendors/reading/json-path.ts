/** The value under `keys` of a parsed body, whatever shape the vendor or a broken proxy sent. */
export function at(value: unknown, ...keys: readonly (string | number)[]): unknown {
  let current = value
  for (const key of keys) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, key)) return undefined
    current = (current as Record<string | number, unknown>)[key]
  }
  return current
}

/** A string at that place, or `undefined`. */
export function textAt(value: unknown, ...keys: readonly (string | number)[]): string | undefined {
  const found = at(value, ...keys)
  return typeof found === "string" ? found : undefined
}

/** A finite, non-negative number below 10¹² at that place, or `undefined`: counts and limits are never anything else. */
export function countAt(value: unknown, ...keys: readonly (string | number)[]): number | undefined {
  const found = at(value, ...keys)
  return typeof found === "number" && found >= 0 && found <= 1e12 ? found : undefined
}

/** The same for a header. `-1`, which some gateways send, is `undefined`. */
export function countInHeader(headers: Headers, name: string): number | undefined {
  const value = headers.get(name)
  return value === null ? undefined : countIn(value)
}

/** The same for a text. */
export function countIn(text: string): number | undefined {
  if (!/^\d{1,13}(?:\.\d+)?$/.test(text)) return undefined
  const count = Number(text)
  return count <= 1e12 ? count : undefined
}
