import { SluiceError, type SluiceErrorCode } from "@sluice/core"

const stopping = new Set<SluiceErrorCode>(["budget-exhausted", "quota-exhausted", "limiter-closed"])

/** The budget or quota that an error comes from, however deep: then no other item can do better. */
export function stopReason(error: unknown): SluiceError | undefined {
  for (let at = error; typeof at === "object" && at !== null; at = (at as { cause?: unknown }).cause) {
    if (SluiceError.isInstance(at) && stopping.has(at.code)) return at
  }
  return undefined
}
