import type { CallEvents } from "../telling/events.ts"

/** Tells once that a call which had failed for good came again. */
export function warnOfStack(events: CallEvents): void {
  events.warnOnce(
    "stacked-retries",
    "Something above limitedFetch retries too: the same call came again after it had failed for good. Set the SDK's maxRetries to 0 (openaiOptions, anthropicOptions and aiSdkOptions do).",
  )
}
