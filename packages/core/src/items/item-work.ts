import { Work } from "../run/context.ts"
import type { FailurePolicy } from "./failure-policy.ts"
import { ItemError } from "./item-error.ts"
import type { LinkedAbort } from "../run/linked-abort.ts"
import { isPromiseLike, type MaybePromise } from "../maybe-promise.ts"
import type { Outcome } from "../outcome.ts"
import type { AttemptContext } from "../ports/ports.ts"
import { Recall } from "./recall.ts"
import { type Ending, runAttempts, type Task } from "./run-attempts.ts"
import { currentScope, runInScope } from "../run/scope.ts"

/** What every item of one batch has in common. */
export interface ItemTask<Item, Result> extends Task<Item, Result> {
  readonly name: string
  readonly key?: (item: Item) => string
  readonly version?: string
  /** Sub-flows are not: the nodes inside them are. */
  readonly recorded: boolean
  /** The outcome of an earlier run that stands in for the item. */
  readonly kept?: (item: Item, index: number) => Outcome<Result> | undefined
}

/** Runs one item to its outcome. Rejects only when the batch is being stopped. `place` says which item it is. */
export type ItemRunner<Item, Result> = (item: Item, place: AttemptContext) => MaybePromise<Outcome<Result>>

/** `work` is the batch node's; `abort` stops the whole batch; `policy` says when. */
export function createItemRunner<Item, Result>(
  task: ItemTask<Item, Result>,
  work: Work,
  visit: number,
  policy: FailurePolicy,
  abort: LinkedAbort,
): ItemRunner<Item, Result> {
  const { frame, priority } = work
  const { run } = frame
  const newWork = (place: AttemptContext): Work => {
    const item = new Work(currentScope(), frame, task.name, run.spans++, work.spanId, priority, place)
    item.lane = work.lane
    return item
  }

  const failed = (item: Item, index: number, ending: Ending<Result> & { status: "failed" }): Outcome<Result> => {
    const key = task.key?.(item)
    const { attempts, errors, error: cause } = ending
    const error = new ItemError(work.path, { index, key, attempts, errors, cause })
    return { status: "failed", index, error, attempts }
  }
  /** Only now the outcome counts. */
  const count = (outcome: Outcome<Result>): Outcome<Result> => {
    if (outcome.status === "ok") policy.ok()
    else {
      const reason = policy.failed(outcome.error)
      if (reason !== undefined) abort.abort(reason)
    }
    return outcome
  }

  /** One plain call, no journal, nobody listening: nothing is allocated that this does not need. */
  const runPlain: ItemRunner<Item, Result> = (item, place) => {
    const { index, signal } = place
    const ok = (value: Result): Outcome<Result> => count({ status: "ok", index, value, attempts: 1 })
    const bad = (error: unknown): Outcome<Result> => {
      if (signal.aborted) throw signal.reason
      return count(failed(item, index, { status: "failed", error, attempts: 1, errors: [error] }))
    }
    let made: MaybePromise<Result>
    try {
      const context = newWork(place)
      // An executor that gave the item a scope below this batch has said all there is to say.
      made = context.parent?.parent === work ? task.exec(item, context) : runInScope(context, task.exec, item, context)
    } catch (error) {
      return bad(error)
    }
    return isPromiseLike(made) ? made.then(ok, bad) : ok(made)
  }

  const runFully = async (item: Item, context: Work): Promise<Outcome<Result>> => {
    const { index } = context
    const kept = task.kept?.(item, index)
    if (kept) return replayed(context, kept)
    const recall =
      run.journal && task.recorded
        ? new Recall(run.journal, context, { visit, input: item, version: task.version, index, key: task.key?.(item) })
        : undefined
    const record = recall && (await recall.find())
    if (record) {
      const ending = record.status === "ok" ? record : { ...record, errors: [record.error] }
      return replayed(context, toOutcome(item, index, ending as Ending<Result>))
    }
    const outcome = toOutcome(item, index, await runAttempts(task, item, context))
    await recall?.settle(outcome, context.spent)
    reportEnd(context, outcome, false)
    return count(outcome)
  }
  const replayed = (context: Work, outcome: Outcome<Result>): Outcome<Result> => {
    reportEnd(context, outcome, true)
    return count(outcome)
  }
  const toOutcome = (item: Item, index: number, ending: Ending<Result>): Outcome<Result> =>
    ending.status === "ok"
      ? { status: "ok", index, value: ending.value, attempts: ending.attempts }
      : failed(item, index, ending)

  const runObserved: ItemRunner<Item, Result> = async (item, place) => {
    const { index, signal } = place
    const context = newWork(place)
    const key = run.emit && task.key?.(item)
    run.emit?.({ type: "item-start", index, ...(key !== undefined && { key }), ...spanOf(context) })
    try {
      return await runFully(item, context)
    } catch (error) {
      // Not an outcome: the run or batch is being stopped, or cannot go on (a journal that does not write).
      run.emit?.({ type: "item-end", index, status: "cancelled", attempts: 0, error, ...spanOf(context) })
      if (!signal.aborted) abort.abort(error)
      throw error
    }
  }

  return task.policy || task.kept || run.journal || run.emit ? runObserved : runPlain
}

function reportEnd(work: Work, outcome: Outcome<unknown>, replayed: boolean): void {
  const { emit } = work.frame.run
  if (!emit) return
  const { index, status, attempts } = outcome
  emit({
    type: "item-end",
    index,
    status,
    attempts,
    ...(status === "failed" && { error: outcome.error }),
    ...(replayed && { replayed }),
    ...spanOf(work),
  })
}

function spanOf(work: Work): { node: string; runId: string; spanId: number; parentId: number } {
  return { node: work.path, runId: work.runId, spanId: work.spanId, parentId: work.parentId }
}
