import { type ItemContext, Work } from "../run/context.ts"
import { keptErrors } from "./item-error.ts"
import { isPromiseLike, type MaybePromise } from "../maybe-promise.ts"
import type { AttemptContext, ItemOptions } from "../ports/ports.ts"
import { currentScope, runInScope } from "../run/scope.ts"

/** How one item, or the prepared value of a step, is worked on. */
export interface Task<Input, Result> {
  readonly exec: (input: Input, context: ItemContext) => MaybePromise<Result>
  readonly fallback?: (input: Input, error: unknown, context: ItemContext) => MaybePromise<Result>
  /** What the executor has to know about; absent when one plain call does. */
  readonly policy?: ItemOptions<Input, Result>
}

/** How the attempts ended. */
export type Ending<Result> =
  | { readonly status: "ok"; readonly value: Result; readonly attempts: number }
  | {
      readonly status: "failed"
      readonly error: unknown
      readonly attempts: number
      readonly errors: readonly unknown[]
    }

/** All attempts at one input. Rejects only for a cancel, or when the executor cannot do what is asked. */
export async function runAttempts<Input, Result>(
  task: Task<Input, Result>,
  input: Input,
  work: Work,
): Promise<Ending<Result>> {
  return task.policy ? runWithPolicy(task, task.policy, input, work) : runOnce(task, input, work)
}

async function runOnce<Input, Result>(task: Task<Input, Result>, input: Input, work: Work): Promise<Ending<Result>> {
  try {
    const made = runInScope(work, task.exec, input, work)
    const value = isPromiseLike(made) ? await made : made
    reportAttempt(work, 1)
    return { status: "ok", value, attempts: 1 }
  } catch (error) {
    reportAttempt(work, 1, { error })
    if (work.signal.aborted) throw work.signal.reason
    return { status: "failed", error, attempts: 1, errors: [error] }
  }
}

async function runWithPolicy<Input, Result>(
  task: Task<Input, Result>,
  policy: ItemOptions<Input, Result>,
  input: Input,
  work: Work,
): Promise<Ending<Result>> {
  const errors: unknown[] = []
  const { fallback } = task
  const outcome = await runInScope(work, () =>
    work.frame.run.runtime.executor.run(
      input,
      work.index,
      (item, attempt) => inAttempt(work, attempt, (context) => task.exec(item, context)),
      {
        ...policy,
        ...(fallback && {
          fallback: (item, error, attempt) => inAttempt(work, attempt, (context) => fallback(item, error, context)),
        }),
        priority: work.priority,
        signal: work.signal,
        onAttempt: (event) => {
          reportAttempt(work, event.attempt, event)
          if (!("error" in event)) return
          if (errors.length === keptErrors) errors.shift()
          errors.push(event.error)
        },
      },
    ),
  )
  return outcome.status === "ok" ? outcome : { ...outcome, errors: errors.length > 0 ? errors : [outcome.error] }
}

function inAttempt<Result>(
  work: Work,
  attempt: AttemptContext,
  fn: (context: Work) => MaybePromise<Result>,
): MaybePromise<Result> {
  const { frame, node, spanId, parentId, priority, index } = work
  const item = { index, attempt: attempt.attempt, signal: attempt.signal }
  const context = new Work(currentScope(), frame, node, spanId, parentId, priority, item, work)
  return runInScope(context, fn, context)
}

function reportAttempt(work: Work, attempt: number, failure: { readonly error?: unknown } = {}): void {
  const { run } = work.frame
  run.emit?.({
    type: "attempt-end",
    node: work.path,
    index: work.index,
    attempt,
    ...("error" in failure ? { error: failure.error } : {}),
    runId: run.runId,
    spanId: run.spans++,
    parentId: work.spanId,
  })
}
