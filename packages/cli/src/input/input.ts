import { fieldOf, type InputRecord } from "../question/prompt-template.ts"
import { SluiceError } from "@sluice/core"
import { exactDigits } from "@sluice/journal"
import { usageError } from "../usage-error.ts"

/** One input and where it came from, for messages: `prompts.jsonl:17`. */
export interface Input {
  readonly record: InputRecord
  readonly where: string
}

/** The text of the field that names an input. */
export function keyOf({ record, where }: Input, field: string): string {
  const value = fieldOf(record, field)
  const key = exactDigits(value) ?? value
  if (typeof key === "string" || typeof key === "number") return String(key)
  throw usageError(
    `${where}: --key ${field}: wanted a text or a number, got ${key === undefined ? "nothing" : JSON.stringify(key)}.`,
  )
}

/** Two inputs cannot have one name; `other` says where the first is, where that is known. */
export function duplicateKey(key: string, where: string, other: string | undefined, cause: SluiceError): SluiceError {
  return new SluiceError(
    "duplicate-key",
    `${where}: the key "${key}" is also that of ${other ?? "an input before"}. Name another field with --key, or mend the inputs.`,
    { cause, details: cause.details },
  )
}
