import type { Clock, Random } from "@sluice/core"

/** The machine's clock. The only file that touches real time; everything else is handed a `Clock`. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimer(delayMs, fn) {
    // setTimeout fires at once for delays beyond 2^31 ms: long waits go in legs.
    const longestMs = 2 ** 31 - 1
    const endsAt = performance.now() + delayMs
    let handle: ReturnType<typeof setTimeout>
    const arm = (): void => {
      const leftMs = Math.max(0, endsAt - performance.now())
      handle = leftMs > longestMs ? setTimeout(arm, longestMs) : setTimeout(fn, Math.ceil(leftMs))
    }
    arm()
    return () => clearTimeout(handle)
  },
}

/** The same for Node.js, with timers of at most 2^31 ms that keep no process from ending. */
export const idleClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimer(delayMs, fn) {
    const handle = setTimeout(fn, Math.ceil(delayMs)).unref()
    return () => clearTimeout(handle)
  },
}

/** The machine's randomness. */
export const systemRandom: Random = { next: () => Math.random() }
