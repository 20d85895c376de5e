/** What `--where` wants of a field. */
export interface Condition {
  readonly field: string
  readonly isEqual: boolean
  readonly value: string
}

/** Reads `field = value` or `field != value`; `undefined` for anything else, also for `==` and `>=`. */
export function parseCondition(text: string): Condition | undefined {
  const [, field = "", operator, value = ""] = /^([^=]*?)\s*([!=<>~]*=[!=<>~]*)(.*)$/s.exec(text) ?? []
  if (field.trim() === "" || (operator !== "=" && operator !== "!=")) return undefined
  return { field: field.trim(), isEqual: operator === "=", value: value.trim() }
}
