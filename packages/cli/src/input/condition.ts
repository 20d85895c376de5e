/** What `--where` wants of a field. */
export interface Condition {
  readonly field: string
  readonly isEqual: boolean
  readonly value: string
}

/** Reads `field = value` or `field != value`; `undefined` for anything else, also for `==` and `>=`. */
export function parseCondition(text: string): Condition | undefined {
  const equals = text.indexOf("=")
  if (equals < 0) return undefined
  let [from, to] = [equals, equals + 1]
  while (from > 0 && "!<>~".includes(text[from - 1]!)) from--
  while (to < text.length && "!=<>~".includes(text[to]!)) to++
  const [field, operator] = [text.slice(0, from).trim(), text.slice(from, to)]
  if (field === "" || (operator !== "=" && operator !== "!=")) return undefined
  return { field, isEqual: operator === "=", value: text.slice(to).trim() }
}
