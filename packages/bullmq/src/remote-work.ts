import { isPromiseLike } from "@sluice/core/internal"
import type { ItemWork, MaybePromise, Outcome } from "@sluice/core"
import type { RemoteBatch } from "./remote-batch.ts"
import { errorFromWire, type WireOutcome } from "./wire-outcome.ts"

/** The work with its attempts elsewhere. */
export function remoteWork<I, O>(work: ItemWork<I, O>, batch: RemoteBatch): ItemWork<I, O> {
  const { attempt: _attempt, policy: _policy, attempted: _attempted, settled, ...around } = work
  /** Of items that took more than one. */
  const attempts = new Map<number, number>()
  const valueOf = (outcome: WireOutcome): O => {
    if (outcome.attempts !== 1) attempts.set(outcome.index, outcome.attempts)
    if (outcome.status === "failed") throw errorFromWire(outcome.error)
    return outcome.value as O
  }
  return {
    ...around,
    attempt: (item, { index, signal }) => batch.send(item, index, signal).then(valueOf),
    settled: (outcome, item, scope) => {
      const { index } = outcome
      const there = attempts.get(index)
      attempts.delete(index)
      const counted: Outcome<O> = there === undefined ? outcome : { ...outcome, attempts: there }
      const kept = (other: Outcome<O> | void): Outcome<O> => {
        // Only now that the journal has it may the job go.
        batch.settled(index)
        return other ?? counted
      }
      const keeping: MaybePromise<Outcome<O> | void> = settled?.(counted, item, scope)
      return isPromiseLike(keeping) ? keeping.then(kept) : kept(keeping)
    },
  }
}
