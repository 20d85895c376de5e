import { SluiceError } from "@sluice/core"

/** Of what is wrong the beginning is enough: a field or a line may be megabytes. */
const longest = 2_000

/** Something that the person at the keyboard has to change: told in one line, exit code 2. */
export function usageError(message: string): SluiceError {
  return new SluiceError("usage", message.length > longest ? `${message.slice(0, longest)} …` : message)
}
