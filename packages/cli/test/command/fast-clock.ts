import type { Clock } from "@sluice/core"

/** The machine's clock, `factor` times as fast: what waits for minutes is tested in seconds. */
export function fastClock(factor: number): Clock {
  const startMs = performance.now()
  const now = (): number => (performance.now() - startMs) * factor
  return {
    now,
    wallNow: () => Date.now() + now(),
    setTimer(delayMs, fn) {
      const longestMs = 2 ** 31 - 1
      const handle = setTimeout(fn, Math.min(longestMs, Math.ceil(delayMs / factor)))
      return () => clearTimeout(handle)
    },
  }
}
