import type { EventSink } from "@sluice/core"
import { tellWarning } from "@sluice/core/internal"

/** As `CallEvents` has it. */
interface WarnsOnce {
  warnOnce(code: string, message: string, about?: string): void
}

/** Tells once of an answer that could not be read. */
export function warnOfAnswer(events: WarnsOnce, vendor: string, unreadable: unknown): void {
  events.warnOnce(
    "unreadable-answer",
    `${vendor}: an answer could not be read (${String(unreadable)}). It was handed on; what it cost is estimated.`,
  )
}

/** Tells once per model that no price of it is known, so that a budget in dollars lets all its calls pass. */
export function warnOfPrice(events: WarnsOnce, model: string): void {
  events.warnOnce(
    "no-price",
    `budgetUsd does not count calls of ${model}, whose price is not known. State it in dollars per million tokens: prices: { "${model}": { input: 1, output: 4 } }.`,
    `no-price ${model}`,
  )
}

/** Tells once that a call which had failed for good came again. */
export function warnOfStack(events: WarnsOnce): void {
  events.warnOnce(
    "stacked-retries",
    "Something above limitedFetch retries too: the same call came again after it had failed for good. Set the SDK's maxRetries to 0 (openaiOptions, anthropicOptions and aiSdkOptions do).",
  )
}

/** Says that each call seems to have a client of its own. */
export function warnOfManyFetches(sink: EventSink | undefined, atMs: number, quota: string, fetches: number): void {
  tellWarning(
    sink,
    atMs,
    "made-per-call",
    `${quota}: ${fetches} limitedFetch of this process call it within a minute, each with a quota of its own, so together they are limited by none. Make the client (and its openaiOptions, limitedFetch, …) once, outside the function that calls it.`,
  )
}
