import type { Clock } from "@sluice/core"

/** Resolves after `ms`, or as soon as the signal is aborted; the answer says whether time was given in full. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false)
  if (ms <= 0) return Promise.resolve(true)
  return new Promise((resolve) => {
    const cutShort = (): void => {
      cancel()
      resolve(false)
    }
    const cancel = clock.setTimer(ms, () => {
      signal.removeEventListener("abort", cutShort)
      resolve(true)
    })
    signal.addEventListener("abort", cutShort, { once: true })
  })
}
