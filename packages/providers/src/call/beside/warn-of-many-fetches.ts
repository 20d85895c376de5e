import type { EventSink } from "@sluice/core"
import { tellWarning } from "@sluice/core/internal"

/** Says that each call seems to have a client of its own. */
export function warnOfManyFetches(sink: EventSink | undefined, atMs: number, quota: string, fetches: number): void {
  tellWarning(
    sink,
    atMs,
    "made-per-call",
    `${quota}: ${fetches} limitedFetch of this process call it within a minute, each with a quota of its own, so together they are limited by none. Make the client (and its openaiOptions, limitedFetch, …) once, outside the function that calls it.`,
  )
}
