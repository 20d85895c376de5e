import type { Clock } from "@sluice/core"
import { onAbort } from "../queue/on-abort.ts"

/** Resolves after `delayMs` on `clock`. An abort rejects at once with `signal.reason` and leaves no timer behind. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason)
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(delayMs, () => {
      forget?.()
      resolve()
    })
    const forget =
      signal &&
      onAbort(signal, () => {
        cancel()
        reject(signal.reason)
      })
  })
}
