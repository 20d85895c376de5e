import type { ItemContext, NodeContext } from "../scope/context.ts"
import type { Work } from "../scope/work.ts"
import { checkLimiter, checkNode, nodeName, policyChecks } from "../items/item-checks.ts"
import { callable, needed, type Shape } from "../options.ts"
import { createNode } from "./create-node.ts"
import type { Kit } from "./kit.ts"
import { type BatchSummary, deliveryChecks, deliveryJSON, type Delivery } from "../items/delivery.ts"
import { itemOptions, type ItemPolicy, policyJSON } from "../items/item-policy.ts"
import type { ItemTask } from "../items/item-work.ts"
import { type Lane } from "./lane.ts"
import { inLane, openLane } from "./open-lane.ts"
import { isPromiseLike, type MaybePromise } from "../maybe-promise.ts"
import { type NextAction, enter, type Node, type NodeJSON } from "./node.ts"
import type { Outcome } from "../outcome.ts"
import type { OnError } from "../ports/executor.ts"
import { type Kept, redrivable, type Redrivable } from "./redrive.ts"
import { type ItemSource, runItems } from "../items/run-items.ts"
import { countVisit } from "../run/frame.ts"

/** The items that `prep` returns: nothing means none. Pulled one by one, never drained up front. */
export type Source<Item> = Iterable<Item> | AsyncIterable<Item> | null | undefined | void

/** The item type of a source. */
export type ItemOf<Prepared> = Prepared extends Iterable<infer Item> | AsyncIterable<infer Item> ? Item : never

/**
 * What `post` gets: values when the first failure stops the batch, outcomes when failures are collected,
 * and a count when `onOutcome` took the outcomes.
 */
export type Settled<Result, Policy extends OnError, SinkReturn> = [SinkReturn] extends [never]
  ? [Policy] extends ["stop"]
    ? Result[]
    : Outcome<Result>[]
  : BatchSummary

export interface BatchOptions<
  Shared,
  P,
  Prepared,
  Item,
  Result,
  Fallback,
  Reply extends NextAction,
  Policy extends OnError,
  SinkReturn,
> extends ItemPolicy<Item> {
  readonly name: string
  /** Returns an array, Iterable or AsyncIterable. Left out only in later stages of a pipeline. */
  readonly prep?: (shared: Shared, context: NodeContext<P>) => MaybePromise<Prepared & Source<NoInfer<Item>>>
  readonly exec: (item: Item, context: ItemContext<P>) => MaybePromise<Result>
  /** Its result stands in for an item whose attempts are spent. */
  readonly fallback?: (item: Item, error: unknown, context: ItemContext<P>) => MaybePromise<Fallback>
  /** A number, 1 = one after the other, or `"auto"` (default): as many as the quota admits. */
  readonly concurrency?: number | "auto"
  /** `"stop"` (default), `"collect"`, or a budget of failures. */
  readonly onError?: Policy
  /** Names the item in the journal, in events and errors. Without it, its content does, and how many equal items are before it. */
  readonly key?: (item: Item) => string
  /** Takes each outcome, awaited; then nothing is kept in memory. */
  readonly onOutcome?: (outcome: Outcome<Result | Fallback>) => SinkReturn
  /** The order of results and of `onOutcome`: `"input"` (default) or `"completion"`. */
  readonly order?: "input" | "completion"
  /** Which way the items' model calls go, through `limitedFetch`: `"online"`, `"batch"`, or `{ deadlineMs }`. */
  readonly lane?: Lane
  readonly post?: (
    shared: Shared,
    prepared: Prepared,
    results: Settled<Result | Fallback, Policy, SinkReturn>,
    context: NodeContext<P>,
  ) => MaybePromise<Reply>
}

/** A batch: a node that can also run its failed items again, and be a stage of a pipeline. */
export interface BatchNode<Shared, Action extends string = string, Item = never, Result = unknown, P = never>
  extends Node<Shared, Action, P>, Redrivable<Shared, Action, Result> {
  /** Internal: what a pipeline chains. */
  readonly [stage]: Stage<Shared, Item, Result>
}

export const stage: unique symbol = Symbol.for("sluice.stage") as never

/** What a pipeline needs of a batch. */
export interface Stage<Shared, Item, Result> extends Delivery {
  readonly task: ItemTask<Item, Result>
  readonly prep?: (shared: Shared, context: NodeContext) => unknown
  readonly post?: (shared: Shared, prepared: unknown, results: never, context: NodeContext) => MaybePromise<NextAction>
}

/** A batch as the engine sees it. */
export interface PlainBatch<Shared> extends ItemPolicy<unknown>, Delivery {
  readonly name: string
  readonly prep?: (shared: Shared, context: NodeContext) => unknown
  readonly exec: (item: unknown, context: ItemContext) => unknown
  readonly fallback?: (item: unknown, error: unknown, context: ItemContext) => unknown
  readonly key?: (item: unknown) => string
  readonly post?: (shared: Shared, prepared: unknown, results: never, context: NodeContext) => MaybePromise<NextAction>
}

const checks: Shape<PlainBatch<never>> = {
  name: needed(nodeName),
  prep: callable,
  exec: needed(callable),
  fallback: callable,
  key: callable,
  post: callable,
  ...policyChecks,
  ...deliveryChecks,
}

/** The `batch` of `define`, without its types. */
export function createBatch<Shared>(kit: Kit<Shared>, options: PlainBatch<Shared>): BatchNode<Shared> {
  const { name, prep, exec, post, key, version } = options
  checkNode("batch", options, checks)
  checkLimiter(`batch "${name}"`, options)
  const policy = itemOptions<unknown, unknown>(options)
  const task: ItemTask<unknown, unknown> = {
    name,
    recorded: true,
    exec,
    ...(policy && { policy }),
    ...(key && { key }),
    ...(version !== undefined && { version }),
  }

  const run = async (shared: Shared, work: Work, kept?: Kept): Promise<NextAction> => {
    const made = prep?.(shared, work)
    const prepared = isPromiseLike(made) ? await made : made
    const visit = countVisit(work.frame, name)
    const given = kept ? { ...task, kept: (_item: unknown, index: number) => kept.get(index) } : task
    const results = await inLane(openLane(options.lane, work, options, visit), work, () =>
      runItems(prepared as ItemSource<unknown>, given, options, work, visit),
    )
    const action = post?.(shared, prepared, results as never, work)
    return isPromiseLike(action) ? await action : action
  }

  const toJSON = (): NodeJSON => {
    const data = { ...deliveryJSON(options), ...policyJSON(options).options }
    return { kind: "batch", name, ...(Object.keys(data).length > 0 && { options: data }) }
  }
  const node = createNode(kit, { kind: "batch", name, [enter]: run, toJSON })
  return Object.freeze({
    ...node,
    ...redrivable(kit, node, run),
    [stage]: { ...options, task },
  })
}
