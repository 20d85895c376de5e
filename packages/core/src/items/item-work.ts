import type { ItemContext } from "../scope/context.ts"
import type { ItemOptions, ItemWork } from "../ports/executor.ts"
import { ItemError } from "./item-error.ts"
import { isPromiseLike, type MaybePromise } from "../maybe-promise.ts"
import { observedAttempt, reportAttempt } from "./observed-attempt.ts"
import type { Outcome } from "../outcome.ts"
import type { SettledRecord } from "../ports/ports.ts"
import { recall } from "./recall.ts"
import type { Work } from "../scope/work.ts"

/** What every item of one node has in common. */
export interface ItemTask<Item, Result> {
  readonly name: string
  readonly exec: (item: Item, context: ItemContext) => MaybePromise<Result>
  /** How the executor tries it; absent where one plain call is all. */
  readonly policy?: ItemOptions<Item, Result>
  readonly key?: (item: Item) => string
  readonly version?: string
  /** Whether the journal keeps the item itself. Of a sub-flow it keeps the nodes inside. */
  readonly recorded: boolean
  /** The outcome of an earlier run that stands in for the item. */
  readonly kept?: (item: Item, index: number) => Outcome<Result> | undefined
}

/** The items of a batch as the executor sees them. `work` is the batch's scope; `count` is told of each outcome once it counts. */
export function itemWork<Item, Result>(
  task: ItemTask<Item, Result>,
  work: Work,
  visit: number,
  count: (outcome: Outcome<Result>) => void,
): ItemWork<Item, Result> {
  const { run, params } = work.frame
  const { exec, policy, key, version, recorded } = task

  const counted = (outcome: Outcome<Result>): Outcome<Result> => {
    count(outcome)
    return outcome
  }
  /** The failure with the item's name and the errors of all its attempts. */
  const named = (outcome: Outcome<Result>, item: Item, { errors }: Work): Outcome<Result> => {
    if (outcome.status === "ok") return outcome
    const { index, attempts, error: cause } = outcome
    const error = new ItemError(work.path, { index, key: key?.(item), attempts, errors: errors ?? [cause], cause })
    return { status: "failed", index, error, attempts }
  }
  const open = (_item: Item, index: number, signal: AbortSignal): Work => work.openItem(index, signal)
  const base = {
    open,
    attempt: observedAttempt(exec, run),
    ...(policy && { policy }),
    ...(recorded && { place: { path: work.path, visit, runId: run.runId, params } }),
  }
  // The fast path: one plain call, no journal, no listener.
  if (!policy && !task.kept && !run.journal && !run.emit) {
    return { ...base, settled: (outcome, item, scope) => counted(named(outcome, item, scope as Work)) }
  }

  const replayed = (scope: Work, outcome: Outcome<Result>): Outcome<Result> => {
    reportEnd(scope, outcome, true)
    return counted(outcome)
  }
  const ended = (scope: Work, outcome: Outcome<Result>): Outcome<Result> => {
    reportEnd(scope, outcome, false)
    return counted(outcome)
  }
  const fromRecord = (record: SettledRecord | undefined, item: Item, scope: Work): Outcome<Result> | undefined =>
    record && replayed(scope, named({ ...record, index: scope.index } as Outcome<Result>, item, scope))

  return {
    ...base,
    known(item, given) {
      const scope = given as Work
      const { index } = scope
      let itemKey: string | undefined
      try {
        itemKey = key?.(item)
      } finally {
        // Also when `key` throws: every item-end event has its item-start.
        const keyPart = itemKey === undefined ? {} : { key: itemKey }
        run.emit?.({ type: "item-start", index, ...keyPart, ...spanOf(scope) })
      }
      const kept = task.kept?.(item, index)
      if (kept) return replayed(scope, kept)
      if (!run.journal || !recorded) return undefined
      const record = recall(scope, { visit, input: item, version, index, key: itemKey, exec })
      return isPromiseLike(record)
        ? record.then((found) => fromRecord(found, item, scope))
        : fromRecord(record, item, scope)
    },
    attempted: (event, scope) => reportAttempt(event, scope as Work),
    settled(outcome, item, given) {
      const scope = given as Work
      const last = named(outcome, item, scope)
      if (!run.journal || !scope.identity) return ended(scope, last)
      // An outcome counts once it is durable.
      return run.journal.settle(scope.identity, last, scope.spent).then(() => ended(scope, last))
    },
    dropped(error, _item, given) {
      const scope = given as Work
      const { index } = scope
      run.emit?.({ type: "item-end", index, status: "cancelled", attempts: 0, error, ...spanOf(scope) })
    },
  }
}

function reportEnd(scope: Work, outcome: Outcome<unknown>, replayed: boolean): void {
  const { emit } = scope.frame.run
  if (!emit) return
  const { index, status, attempts } = outcome
  emit({
    type: "item-end",
    index,
    status,
    attempts,
    ...(status === "failed" && { error: outcome.error }),
    ...(replayed && { replayed }),
    ...spanOf(scope),
  })
}

function spanOf(scope: Work): { node: string; runId: string; spanId: number; parentId: number } {
  const { path: node, runId, spanId, parentId } = scope
  return { node, runId, spanId, parentId }
}
