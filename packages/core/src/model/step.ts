import { type ItemContext, type NodeContext, Work } from "../run/context.ts"
import { checkName } from "../check-options.ts"
import { createNode, type Kit } from "./create-node.ts"
import { isPromiseLike, type MaybePromise } from "../maybe-promise.ts"
import { type Answer, enter, type Node, type NodeJSON } from "./node.ts"
import { checkPolicy, type ItemPolicy, policyJSON, policyOf } from "../items/item-policy.ts"
import { Recall } from "../items/recall.ts"
import { type Ending, runAttempts, type Task } from "../items/run-attempts.ts"
import { currentScope } from "../run/scope.ts"
import { countVisit } from "../run/visits.ts"

export interface StepOptions<Shared, P, Prepared, Result, Fallback, Reply extends Answer> extends ItemPolicy<Prepared> {
  readonly name: string
  readonly prep?: (shared: Shared, context: NodeContext<P>) => MaybePromise<Prepared>
  /** Never sees `shared`: it may run several times, or be answered from the journal. */
  readonly exec?: (prepared: Prepared, context: ItemContext<P>) => MaybePromise<Result>
  /** Answers in place of `exec` when its attempts are spent. */
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
  readonly post?: (shared: Shared, prepared: unknown, result: unknown, context: NodeContext) => MaybePromise<Answer>
}

/** The `step` of `define`, without its types. */
export function createStep<Shared>(kit: Kit<Shared>, options: PlainStep<Shared>): Node<Shared> {
  checkName("step", options.name)
  checkPolicy(`step "${options.name}"`, options)
  const { prep, exec, post, fallback, name } = options
  const policy = policyOf<unknown, unknown>(options)
  const task: Task<unknown, unknown> | undefined = exec && {
    exec,
    ...(fallback && { fallback }),
    ...(policy && { policy }),
  }

  const run = async (shared: Shared, work: Work): Promise<Answer> => {
    const made = prep?.(shared, work)
    const prepared = isPromiseLike(made) ? await made : made
    let result: unknown
    if (task) {
      const { run: state } = work.frame
      if (policy || state.journal || state.emit) result = await execFully(task, prepared, work, options.version)
      else {
        // The visit runs in this work's scope already.
        const value = task.exec(prepared, work)
        result = isPromiseLike(value) ? await value : value
      }
    }
    if (!post) return undefined
    const answer = post(shared, prepared, result, work)
    return isPromiseLike(answer) ? await answer : answer
  }

  const toJSON = (): NodeJSON => ({ kind: "step", name, ...policyJSON(options) })
  return createNode(kit, { kind: "step", name, [enter]: run, toJSON })
}

/** With attempts, journal and events as they apply. A failed step rejects with the error of `exec` itself. */
async function execFully(
  task: Task<unknown, unknown>,
  prepared: unknown,
  work: Work,
  version: string | undefined,
): Promise<unknown> {
  const { frame, node, spanId, parentId, priority } = work
  const { journal } = frame.run
  const scoped = new Work(currentScope(), frame, node, spanId, parentId, priority)
  if (!journal) return valueOf(await runAttempts(task, prepared, scoped))
  const recall = new Recall(journal, work, { visit: countVisit(frame, node), input: prepared, version })
  const record = await recall.find()
  if (record) return valueOf(record)
  const ending = await runAttempts(task, prepared, scoped)
  await recall.settle({ ...ending, index: 0 }, scoped.spent)
  return valueOf(ending)
}

function valueOf(
  ending: Pick<Ending<unknown>, "status"> & { readonly value?: unknown; readonly error?: unknown },
): unknown {
  if (ending.status === "failed") throw ending.error
  return ending.value
}
