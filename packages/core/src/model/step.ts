import type { ItemContext, NodeContext } from "../scope/context.ts"
import type { ItemOptions } from "../ports/executor.ts"
import type { Outcome } from "../outcome.ts"
import type { SettledRecord } from "../ports/ports.ts"
import { runOne } from "../items/run-one.ts"
import type { Work } from "../scope/work.ts"
import { checkLimiter, checkNode, nodeName, policyChecks } from "../items/item-checks.ts"
import { callable, needed, type Shape } from "../options.ts"
import { createNode } from "./create-node.ts"
import type { Kit } from "./kit.ts"
import { isPromiseLike, type MaybePromise } from "../maybe-promise.ts"
import { type NextAction, enter, type Node, type NodeJSON } from "./node.ts"
import { itemOptions, type ItemPolicy, policyJSON } from "../items/item-policy.ts"
import { observedAttempt, reportAttempt, watchedAttempt } from "../items/observed-attempt.ts"
import { recall } from "../items/recall.ts"
import { countVisit } from "../run/frame.ts"

export interface StepOptions<
  Shared,
  P,
  Prepared,
  Result,
  Fallback,
  Reply extends NextAction,
> extends ItemPolicy<Prepared> {
  readonly name: string
  readonly prep?: (shared: Shared, context: NodeContext<P>) => MaybePromise<Prepared>
  /** Never sees `shared`: it may run several times, or not at all when the journal has its result. */
  readonly exec?: (prepared: Prepared, context: ItemContext<P>) => MaybePromise<Result>
  /** Its result stands in for that of `exec` when its attempts are spent. */
  readonly fallback?: (prepared: Prepared, error: unknown, context: ItemContext<P>) => MaybePromise<Fallback>
  readonly post?: (
    shared: Shared,
    prepared: Prepared,
    result: Result | Fallback,
    context: NodeContext<P>,
  ) => MaybePromise<Reply>
}

/** A step as the engine sees it. */
interface PlainStep<Shared> extends ItemPolicy<unknown> {
  readonly name: string
  readonly prep?: (shared: Shared, context: NodeContext) => unknown
  readonly exec?: (prepared: unknown, context: ItemContext) => unknown
  readonly fallback?: (prepared: unknown, error: unknown, context: ItemContext) => unknown
  readonly post?: (shared: Shared, prepared: unknown, result: unknown, context: NodeContext) => MaybePromise<NextAction>
}

const checks: Shape<PlainStep<never>> = {
  name: needed(nodeName),
  prep: callable,
  exec: callable,
  fallback: callable,
  post: callable,
  ...policyChecks,
}

interface StepTask {
  readonly exec: (prepared: unknown, context: ItemContext) => unknown
  readonly policy: ItemOptions<unknown, unknown> | undefined
  readonly version: string | undefined
}

/** The `step` of `define`, without its types. */
export function createStep<Shared>(kit: Kit<Shared>, options: PlainStep<Shared>): Node<Shared> {
  checkNode("step", options, checks)
  checkLimiter(`step "${options.name}"`, options)
  const { prep, exec, post, name, version } = options
  const policy = itemOptions<unknown, unknown>(options)

  const run = async (shared: Shared, work: Work): Promise<NextAction> => {
    const made = prep?.(shared, work)
    const prepared = isPromiseLike(made) ? await made : made
    let result: unknown
    if (exec) {
      const { run: state } = work.frame
      if (policy || state.journal) result = await execFully({ exec, policy, version }, prepared, work)
      else if (state.emit) result = await watchedAttempt(exec, prepared, work)
      else {
        // The visit runs in this work's scope already.
        const value = exec(prepared, work)
        result = isPromiseLike(value) ? await value : value
      }
    }
    if (!post) return undefined
    const action = post(shared, prepared, result, work)
    return isPromiseLike(action) ? await action : action
  }

  const toJSON = (): NodeJSON => ({ kind: "step", name, ...policyJSON(options) })
  return createNode(kit, { kind: "step", name, [enter]: run, toJSON })
}

/** With attempts and journal as they apply. A failed step rejects with the error of `exec` itself. */
async function execFully(task: StepTask, prepared: unknown, work: Work): Promise<unknown> {
  const { exec, policy, version } = task
  const { frame, node, priority, signal } = work
  const { journal, runtime } = frame.run
  const outcome = await runOne<unknown, unknown>(
    runtime.executor,
    prepared,
    {
      open: (_item, _index, ending) => work.openOnly(ending),
      attempt: observedAttempt(exec, frame.run),
      ...(policy && { policy }),
      attempted: (event, scope) => reportAttempt(event, scope as Work),
      ...(journal && {
        known: (input, scope) => {
          const visit = countVisit(frame, node)
          const record = recall(scope as Work, { visit, input, version, exec })
          return isPromiseLike(record) ? record.then(toOutcome) : toOutcome(record)
        },
        settled: (ending, _item, scope) => {
          const { identity, spent } = scope as Work
          return journal.settle(identity!, ending, spent)
        },
      }),
    },
    { signal, priority },
  )
  if (outcome.status === "failed") throw outcome.error
  return outcome.value
}

function toOutcome(record: SettledRecord | undefined): Outcome<unknown> | undefined {
  return record && { ...record, index: 0 }
}
