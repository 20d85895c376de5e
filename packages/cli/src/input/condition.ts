/** What `--where` wants of a field. */
export interface Condition {
  readonly field: string
  readonly isEqual: boolean
  readonly value: string
}

/** Reads `field = value` or `field != value`; `undefined` for anything else. */
export function parseCondition(text: string): Condition | undefined {
  const at = text.indexOf("=")
  const isEqual = text[at - 1] !== "!"
  const field = text.slice(0, isEqual ? at : at - 1).trim()
  if (at < 1 || field === "") return undefined
  return { field, isEqual, value: text.slice(at + 1).trim() }
}
