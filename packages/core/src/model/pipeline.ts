import { type BatchNode, stage, type Stage } from "./batch.ts"
import { checkNode, nodeName } from "../items/item-checks.ts"
import { invalidOption, needed } from "../options.ts"
import { Work } from "../scope/work.ts"
import { createNode } from "./create-node.ts"
import type { Kit } from "./kit.ts"
import { SluiceError } from "../errors.ts"
import { innerFrame } from "../run/inner-frame.ts"
import { closeLane, openLane } from "./open-lane.ts"
import { LinkedAbort } from "../run/linked-abort.ts"
import { isPromiseLike } from "../maybe-promise.ts"
import { type ActionsOf, type NextAction, enter, inside, type Node, type NodeJSON, type ParamsOfAll } from "./node.ts"
import type { Outcome } from "../outcome.ts"
import { type Collector, createCollector, deliver } from "../items/delivery.ts"
import { itemWork } from "../items/item-work.ts"
import { checkSource, type ItemSource, stopping } from "../items/run-items.ts"
import { innerRecord } from "../run/frame.ts"

type AnyStage<Shared> = BatchNode<Shared, string>
type InputOf<B> = B extends { readonly [stage]: Stage<never, infer Item, unknown> } ? Item : never
type OutputOf<B> = B extends { readonly [stage]: Stage<never, never, infer Result> } ? Result : never
type Last<Stages> = Stages extends readonly [...unknown[], infer Final] ? Final : never

/** Each stage must take what the one before gives; a stage that does not is replaced by what it should be. */
export type Chained<Shared, Stages extends readonly unknown[]> = Stages extends readonly [
  infer First,
  infer Second,
  ...infer Rest,
]
  ? [OutputOf<First>] extends [InputOf<Second>]
    ? readonly [First, ...Chained<Shared, [Second, ...Rest]>]
    : readonly [First, BatchNode<Shared, string, OutputOf<First>>, ...Rest]
  : Stages

export type PipelineAction<Stages> = ActionsOf<Last<Stages>>

export type PipelineNeeds<Stages extends readonly unknown[]> = ParamsOfAll<{
  readonly [At in keyof Stages & `${number}`]: Stages[At]
}>

export type StageList<Shared> = readonly [AnyStage<Shared>, AnyStage<Shared>, ...AnyStage<Shared>[]]

/** The `pipeline` of `define`, without its types. */
export function createPipeline<Shared>(
  kit: Kit<Shared>,
  batches: StageList<Shared>,
  options: { readonly name?: string } = {},
): Node<Shared> {
  const name = options.name ?? batches.map((batch) => batch.name).join(" > ")
  checkNode("pipeline", { ...options, name }, { name: needed(nodeName) })
  const stages = batches.map((batch) => batch[stage] as Stage<Shared, unknown, unknown>)
  checkStages(name, stages)
  const first = stages[0]!
  const last = stages.at(-1)!

  const run = async (shared: Shared, work: Work): Promise<NextAction> => {
    const made = first.prep?.(shared, work)
    const source = checkSource((isPromiseLike(made) ? await made : made) as ItemSource<unknown>, work.path)
    const results = await flowThrough(stages, source, work, last)
    const action = last.post?.(shared, undefined, results as never, work)
    return isPromiseLike(action) ? await action : action
  }

  const toJSON = (): NodeJSON => ({ kind: "pipeline", name, stages: batches.map((batch) => batch.toJSON()) })
  const find = (wanted: string): Node<Shared> | undefined => batches.find((batch) => batch.name === wanted)
  return createNode(kit, { kind: "pipeline", name, [enter]: run, [inside]: find, toJSON })
}

/** What a pipeline would ignore is refused, so that nothing is silently dropped. */
function checkStages<Shared>(name: string, stages: readonly Stage<Shared, unknown, unknown>[]): void {
  const where = `pipeline "${name}"`
  const last = stages.at(-1)
  for (const [index, each] of stages.entries()) {
    const twin = stages.findIndex((other) => other.task.name === each.task.name)
    if (each !== stages[0] && twin < index && !each.prep) {
      throw new SluiceError(
        "invalid-graph",
        `${where}: stages[${twin}] and stages[${index}] are both named "${each.task.name}". Give one of them another name.`,
      )
    }
    const path = `stages[${index}] ("${each.task.name}")`
    if (index > 0 && each.prep)
      throw invalidOption(where, `${path}.prep`, "left out: its items come from the stage before", "a function")
    if (each !== last && each.post)
      throw invalidOption(where, `${path}.post`, "left out: only the last stage has a post", "a function")
    if (each !== last && each.onOutcome) {
      throw invalidOption(where, `${path}.onOutcome`, "left out: only the last stage delivers outcomes", "a function")
    }
  }
  if (last?.onOutcome && last.order === "input") {
    throw invalidOption(
      where,
      "order of the last stage",
      '"completion" or left out: its onOutcome takes items as they complete',
      "input",
    )
  }
  const collects = (each: Stage<Shared, unknown, unknown> | undefined): boolean => (each?.onError ?? "stop") !== "stop"
  if (stages.some(collects) && !collects(last)) {
    throw invalidOption(
      where,
      "onError of the last stage",
      '"collect" or a budget, as an earlier stage collects failures',
      "stop",
    )
  }
}

/** Chains one map per stage: an item enters the next stage as soon as it leaves this one, under that stage's own limit. */
async function flowThrough<Shared>(
  stages: readonly Stage<Shared, unknown, unknown>[],
  source: ItemSource<unknown>,
  work: Work,
  last: Stage<Shared, unknown, unknown>,
): Promise<unknown> {
  const frame = innerFrame(work, innerRecord(work.frame, work.node))
  const abort = new LinkedAbort(work.signal)
  const collector = inTurn(createCollector(last, last.order !== "completion"))
  const between: AsyncGenerator<unknown>[] = []
  const lanes: Work["lane"][] = []
  let items = source
  let flowing: AsyncIterable<Outcome<unknown>> | undefined
  for (const { task, concurrency = "auto", onError = "stop", lane } of stages) {
    const stageWork = new Work(work, frame, task.name, work.spanId, work.parentId)
    stageWork.lane = openLane(lane, stageWork, task)
    lanes.push(stageWork.lane)
    /** An item keeps the index that it had in the first stage. */
    const indexes: number[] = []
    if (flowing) {
      const before = passOn(flowing, indexes, collector)
      between.push(before)
      items = before
    }
    const isFirst = between.length === 0
    const ofStage = itemWork(task, stageWork, 0, stopping(abort, onError, stageWork.path))
    flowing = work.frame.run.runtime.executor.map(
      items,
      isFirst ? ofStage : { ...ofStage, open: (_item, _at, signal) => stageWork.openItem(indexes.shift()!, signal) },
      { concurrency, order: "completion", onError: "collect", signal: abort.signal, priority: work.priority },
    )
  }
  try {
    return await deliver(flowing!, collector, abort)
  } finally {
    // A stage that is stopped need not wait for the pull that it has under way; the pipeline waits for all its stages.
    await Promise.allSettled(between.map((each) => each.return(undefined)))
    for (const lane of lanes) await closeLane(lane, work)
  }
}

/** What the next stage gets: the values. An item that failed is done, and skips what is left. */
async function* passOn(
  settled: AsyncIterable<Outcome<unknown>>,
  indexes: number[],
  collector: Collector,
): AsyncGenerator<unknown> {
  for await (const outcome of settled) {
    if (outcome.status === "failed") {
      await collector.take(outcome)
      continue
    }
    indexes.push(outcome.index)
    yield outcome.value
  }
}

/** Outcomes come from every stage; they are taken one at a time all the same. */
function inTurn({ take, result }: Collector): Collector {
  let turn: unknown
  return {
    take: (outcome) => {
      const mine = isPromiseLike(turn) ? turn.then(() => take(outcome)) : take(outcome)
      return (turn = mine)
    },
    result,
  }
}
