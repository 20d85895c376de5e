import type { Vendor } from "../../vendors/vendor.ts"
import type { CallEvents } from "../telling/events.ts"

/** Tells once of an answer that could not be read. */
export function warnOfAnswer(events: CallEvents, vendor: Vendor, unreadable: unknown): void {
  events.warnOnce(
    "unreadable-answer",
    `${vendor.name}: an answer could not be read (${String(unreadable)}). It was handed on; what it cost is estimated.`,
  )
}
