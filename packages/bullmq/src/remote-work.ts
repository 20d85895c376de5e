import type { ItemWork, Outcome } from "@sluice/core"
import type { BullBatch } from "./remote-batch.ts"

/** The work with its attempts elsewhere. */
export function remoteWork<I, O>(work: ItemWork<I, O>, batch: BullBatch): ItemWork<I, O> {
  const { attempt: _attempt, policy: _policy, attempted: _attempted, settled, ...around } = work
  const attempts = new Map<number, number>()
  return {
    ...around,
    attempt: async (item, { index, signal }) => {
      const outcome = await batch.run(item, index, signal)
      attempts.set(index, outcome.attempts)
      if (outcome.status === "failed") throw outcome.error
      return outcome.value as O
    },
    settled: async (outcome, item, scope) => {
      const there = attempts.get(outcome.index)
      attempts.delete(outcome.index)
      const counted: Outcome<O> = there === undefined ? outcome : { ...outcome, attempts: there }
      const other = await settled?.(counted, item, scope)
      // Only now that the journal has it may the job go.
      batch.settled(outcome.index)
      return other ?? counted
    },
  }
}
