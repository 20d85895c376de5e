import { systemClock } from "@sluice/scheduler"

/** A client of ioredis takes 2 s to give up a connection that was cut without a word; a new one is given a moment, too. */
const periodMs = 3_000

/** Does it at once, and not again for a while: several quotas share the connections of one store, and each asks. */
export function everySoOften(act: () => void): () => void {
  let nextMs = -Infinity
  return () => {
    const nowMs = systemClock.now()
    if (nowMs < nextMs) return
    nextMs = nowMs + periodMs
    act()
  }
}
