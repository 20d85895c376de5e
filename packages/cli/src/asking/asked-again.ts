import type { SluiceErrorCode } from "@sluice/core"
import type { JournalItem } from "@sluice/journal"

/** What failed earlier and is asked again: all of it, or what failed with one of these codes or statuses. */
export type AskedAgain = true | readonly string[]

/** `read` is called only where it matters what the item failed of. */
export function isAskedAgain(again: AskedAgain | undefined, read: () => JournalItem): boolean {
  if (again === undefined || again === true) return again === true
  const item = read()
  if (item.status === "ok") return false
  const { code, statusCode } = item.error
  return again.includes(String(code)) || again.includes(String(statusCode))
}

/** What an item of a run may fail with besides a vendor's status. */
export const knownCodes: readonly SluiceErrorCode[] = [
  "timeout",
  "connection",
  "vendor-refused",
  "vendor-error",
  "answer-truncated",
  "answer-invalid",
  "answer-filtered",
  "answer-refused",
  "answer-empty",
  "answer-too-large",
  "cost-exceeds-limit",
  "deadline-unreachable",
  "queue-full",
  "invalid-option",
  "not-serialisable",
  "payload-too-large",
  "store-unreachable",
  "worker-lost",
  "worker-error",
]

/** One of these, a status of HTTP, or a code of the system's (`ECONNRESET`). */
export function isFailureCode(text: string): boolean {
  return (knownCodes as readonly string[]).includes(text) || /^[1-5]\d\d$|^[A-Z][A-Z\d_]+$/.test(text)
}
