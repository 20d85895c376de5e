import type { NodeContext, Params } from "../scope/context.ts"
import type { Work } from "../scope/work.ts"
import type { ItemOf, Settled, Source } from "./batch.ts"
import { checkNode, concurrency, nodeName, onError, order } from "../items/item-checks.ts"
import { callable, having, invalidOption, needed, type Shape } from "../options.ts"
import { createNode } from "./create-node.ts"
import type { Kit } from "./kit.ts"
import { type Delivery, deliveryJSON } from "../items/delivery.ts"
import { type Frame, innerRecord } from "../run/frame.ts"
import { innerFrame } from "../run/inner-frame.ts"
import type { ItemTask } from "../items/item-work.ts"
import { isPromiseLike, type MaybePromise } from "../maybe-promise.ts"
import { type ActionsOf, type NextAction, enter, inside, type Node, type NodeJSON, type ParamsOf } from "./node.ts"
import type { Outcome } from "../outcome.ts"
import type { OnError } from "../ports/executor.ts"
import { type Kept, redrivable, type Redrivable } from "./redrive.ts"
import { type ItemSource, runItems } from "../items/run-items.ts"
import { visitNode } from "../run/visit-node.ts"

/** What each run of a sub-flow must be given: what it needs, without what the params around may bring, but one of these at least. */
export type ParamsGiven<Sub, P> = [keyof ParamsOf<Sub>] extends [never] ? object : Given<ParamsOf<Sub>, Around<P>>

type Given<Needed, Brought> = [Exclude<keyof Needed, Brought>] extends [never]
  ? { [Key in keyof Needed]: Flat<Pick<Needed, Key> & Partial<Needed>> }[keyof Needed]
  : Flat<Pick<Needed, Exclude<keyof Needed, Brought>> & Partial<Needed>>
type Around<P> = string extends keyof P ? never : keyof P
type Flat<T> = { [Key in keyof T]: T[Key] }

export interface BatchFlowOptions<
  Shared,
  P,
  Prepared,
  Sub extends Node<Shared>,
  Reply extends NextAction,
  Policy extends OnError,
  SinkReturn,
> {
  readonly name: string
  /** Returns one params object per run of `flow`. */
  readonly prep: (
    shared: Shared,
    context: NodeContext<P>,
  ) => MaybePromise<Prepared & Source<NoInfer<ParamsGiven<Sub, P>>>>
  /** Runs once per params object, which nodes find on `ctx.params`, merged over the params around. */
  readonly flow: Sub
  readonly concurrency?: number | "auto"
  readonly onError?: Policy
  readonly key?: (params: ItemOf<NoInfer<Prepared>>) => string
  /** Takes each outcome, whose value is the last action of that run; then nothing is kept in memory. */
  readonly onOutcome?: (outcome: Outcome<ActionsOf<NoInfer<Sub>> | "default">) => SinkReturn
  readonly order?: "input" | "completion"
  /** Gets the last action of each run. */
  readonly post?: (
    shared: Shared,
    prepared: Prepared,
    actions: Settled<ActionsOf<NoInfer<Sub>> | "default", Policy, SinkReturn>,
    context: NodeContext<P>,
  ) => MaybePromise<Reply>
}

/** A batch flow as the engine sees it. */
interface PlainBatchFlow<Shared> extends Omit<Delivery, "lane"> {
  readonly name: string
  readonly flow: Node<Shared>
  readonly prep: (shared: Shared, context: NodeContext) => unknown
  readonly key?: (params: never) => string
  readonly post?: (shared: Shared, prepared: unknown, results: never, context: NodeContext) => MaybePromise<NextAction>
}

/** A batch flow: a node that can also run its failed sub-flows again. */
export interface BatchFlowNode<Shared, Action extends string = string, SubAction extends string = string, P = never>
  extends Node<Shared, Action, P>, Redrivable<Shared, Action, SubAction | "default"> {}

const checks: Shape<PlainBatchFlow<never>> = {
  name: needed(nodeName),
  flow: needed(having("a node", "run")),
  prep: needed(callable),
  key: callable,
  post: callable,
  onOutcome: callable,
  concurrency,
  onError,
  order,
}

/** The `batchFlow` of `define`, without its types. */
export function createBatchFlow<Shared>(kit: Kit<Shared>, options: PlainBatchFlow<Shared>): BatchFlowNode<Shared> {
  const { name, flow, prep, post } = options
  checkNode("batch flow", options, checks)
  const key = options.key as ((params: Params) => string) | undefined

  const run = async (shared: Shared, work: Work, kept?: Kept): Promise<NextAction> => {
    const made = prep(shared, work)
    const prepared = isPromiseLike(made) ? await made : made
    const recordOf = recordsBelow(work)
    const frameOf = (item: Work, params: Params): Frame =>
      innerFrame(item, recordOf(params), Object.freeze({ ...work.params, ...params }))
    const task: ItemTask<Params, string> = {
      name,
      recorded: false,
      ...(key && { key }),
      ...(kept && {
        kept: (params: Params, index: number) => {
          const outcome = kept.get(index) as Outcome<string> | undefined
          // Counted, so that equal params later on find their own records.
          if (outcome) recordOf(params)
          return outcome
        },
      }),
      exec: async (params, context) =>
        (await visitNode(flow, shared, frameOf(context as Work, checkParams(params, work)))) ?? "default",
    }
    const results = await runItems(prepared as ItemSource<Params>, task, options, work, 0)
    const action = post?.(shared, prepared, results as never, work)
    return isPromiseLike(action) ? await action : action
  }

  const toJSON = (): NodeJSON => {
    const data = deliveryJSON(options)
    return { kind: "batch-flow", name, flow: flow.toJSON(), ...(Object.keys(data).length > 0 && { options: data }) }
  }
  const find = (wanted: string): Node<Shared> | undefined => (wanted === flow.name ? flow : undefined)
  const node = createNode(kit, { kind: "batch-flow", name, [enter]: run, [inside]: find, toJSON })
  return Object.freeze({ ...node, ...redrivable(kit, node, run) })
}

/** Equal params more than once: the second run's records get a path of their own. */
function recordsBelow(work: Work): (params: Params) => string {
  if (!work.frame.visits) return () => ""
  const base = innerRecord(work.frame, work.node)
  const seen = new Map<string, number>()
  return (params) => {
    const name = JSON.stringify(params)
    const before = seen.get(name) ?? 0
    seen.set(name, before + 1)
    return before === 0 ? base : `${base}~${before}`
  }
}

function checkParams(params: unknown, work: Work): Params {
  if (typeof params === "object" && params !== null) return params as Params
  throw invalidOption(`batch flow "${work.path}"`, "each item of prep", "a params object", params)
}
