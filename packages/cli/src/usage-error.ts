import { SluiceError } from "@sluice/core"

/** Something that the person at the keyboard has to change: told in one line, exit code 2. */
export function usageError(message: string): SluiceError {
  return new SluiceError("usage", message)
}
