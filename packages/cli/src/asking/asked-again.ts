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
