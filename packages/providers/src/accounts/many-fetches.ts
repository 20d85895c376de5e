import type { Clock, EventSink } from "@sluice/core"
import { systemClock } from "@sluice/scheduler"
import type * as warnings from "../call/telling/rare-warnings.ts"

const windowMs = 60_000
/** One for each of some purposes is a way to write a program. */
const mostFetches = 3
const mostQuotas = 200

/** Which account and model `limitedFetch` after `limitedFetch` of this process has met, by labels that are no credentials. */
const met = new Map<string, { atMs: number; fetches: number; isTold: boolean }>()

/**
 * A `limitedFetch` meets an account and model for the first time. When others of this process just did so too, each call has a
 * client of its own: every quota is new, and none limits anything.
 */
export function meet(
  quota: string,
  clock: Clock,
  sink: EventSink | undefined,
  rare: () => Promise<typeof warnings>,
): void {
  // Simulated time is a test's, which makes many on purpose.
  if (clock !== systemClock) return
  const atMs = clock.now()
  const known = met.get(quota)
  if (!known || atMs - known.atMs > windowMs) {
    met.delete(quota)
    met.set(quota, { atMs, fetches: 1, isTold: known?.isTold ?? false })
    if (met.size > mostQuotas) met.delete(met.keys().next().value!)
    return
  }
  if (++known.fetches <= mostFetches || known.isTold) return
  known.isTold = true
  void rare().then(({ warnOfManyFetches }) => warnOfManyFetches(sink, atMs, quota, known.fetches))
}
