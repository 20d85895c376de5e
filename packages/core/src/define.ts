import { checkOptions, oneOf } from "./options.ts"
import {
  type BatchNode,
  type BatchOptions,
  createBatch,
  type ItemOf,
  type PlainBatch,
  type Source,
} from "./model/batch.ts"
import { type BatchFlowNode, type BatchFlowOptions, createBatchFlow } from "./model/batch-flow.ts"
import type { Params } from "./scope/context.ts"
import type { Kit } from "./model/kit.ts"
import { createFlow, type FlowAction, type FlowNodes, type FlowOptions } from "./model/flow.ts"
import type { ActionsOf, NextAction, Needs, Node, ParamsOfAll } from "./model/node.ts"
import {
  type Chained,
  createPipeline,
  type PipelineAction,
  type PipelineNeeds,
  type StageList,
} from "./model/pipeline.ts"
import type { OnError } from "./ports/executor.ts"
import { type Runtime, runtimeChecks } from "./ports/runtime.ts"
import { sequentialRuntime } from "./run/sequential-runtime.ts"
import type { SharedCheck, StandardSchema } from "./model/shared-check.ts"
import { createStep, type StepOptions } from "./model/step.ts"

/** What `define` returns: the kinds of nodes, bound to one type of shared state. */
export interface Definition<Shared, P = Params> {
  /**
   * One piece of work: `prep(shared) → exec(prepared) → post(shared, prepared, result)`. Each part may be left out:
   * no `exec` gives no result, no `post` returns `"default"`. A failed `exec` rejects the run with its own error, as thrown.
   *
   * @example
   * ```ts
   * const { step } = define<{ question: string; answer?: string }>()
   * const ask = step({
   *   name: "ask",
   *   retry: { maxAttempts: 3 },
   *   prep: (shared) => shared.question,
   *   exec: async (question) => `${question} 42.`,
   *   fallback: () => "Nobody knows.",
   *   post: (shared, _question, answer) => { shared.answer = answer },
   * })
   * const shared = { question: "How many?" }
   * await ask.run(shared)
   * shared // => { question: "How many?", answer: "How many? 42." }
   * ```
   */
  readonly step: <Prepared = undefined, Result = undefined, Fallback = never, Reply extends NextAction = undefined>(
    options: StepOptions<Shared, P, Prepared, Result, Fallback, Reply>,
  ) => Node<Shared, Extract<Reply, string>, Needs<P>>

  /**
   * The same work for every item of a source, which is pulled: memory is what is in flight, plus the results that `post`
   * gets, unless `onOutcome` takes them. Every item has exactly one outcome, results are in input order, attempts belong
   * to their item. Errors: `ItemError` for the first final failure, or `too-many-failures`, after all that was started
   * has settled.
   *
   * @example
   * ```ts
   * const { batch } = define<{ outcomes: Outcome<number>[] }>()
   * let busy = true
   * const work = batch({
   *   name: "work",
   *   prep: () => [1, 2, 3],
   *   exec: async (n) => {
   *     if (n === 2 && busy) throw new Error("busy")
   *     return n * 10
   *   },
   *   onError: "collect",
   *   post: (shared, _items, outcomes) => { shared.outcomes = outcomes },
   * })
   * const shared: { outcomes: Outcome<number>[] } = { outcomes: [] }
   * await work.run(shared)
   * shared.outcomes.map(({ status }) => status) // => ["ok", "failed", "ok"]
   * busy = false
   * await work.redrive(shared, shared.outcomes)
   * shared.outcomes.map(({ status }) => status) // => ["ok", "ok", "ok"]
   * ```
   */
  readonly batch: <
    Prepared = Source<unknown>,
    Item = ItemOf<Prepared>,
    Result = undefined,
    Fallback = never,
    Reply extends NextAction = undefined,
    const Policy extends OnError = "stop",
    SinkReturn = never,
  >(
    options: BatchOptions<Shared, P, Prepared, Item, Result, Fallback, Reply, Policy, SinkReturn>,
  ) => BatchNode<Shared, Extract<Reply, string>, NoInfer<Item>, NoInfer<Result | Fallback>, Needs<P>>

  /**
   * Nodes, edges by action, a start; itself a node. An action without an edge ends the flow, which returns it.
   * Errors: `invalid-graph` at construction (unknown target, unreachable node, name given twice); `max-steps` at run time.
   *
   * @example
   * ```ts
   * const { step, flow } = define<{ tries: number }>()
   * const attempt = step({ name: "attempt", post: (shared) => (++shared.tries < 3 ? "again" : "enough") })
   * const loop = flow({ name: "loop", nodes: { attempt }, start: "attempt", edges: { attempt: { again: "attempt" } } })
   * await loop.run({ tries: 0 }) // => "enough"
   * ```
   */
  readonly flow: <
    const Nodes extends FlowNodes<Shared>,
    const Strict extends boolean = false,
    Prepared = undefined,
    Reply extends NextAction = never,
  >(
    options: FlowOptions<Shared, P, Nodes, Strict, Prepared, Reply>,
  ) => Node<Shared, FlowAction<Nodes, Reply>, ParamsOfAll<Nodes> & Needs<P>>

  /**
   * A sub-flow once per params object, which its nodes find on `ctx.params`, merged over the params around and frozen.
   * All runs share one `shared`. Outcomes and errors are those of a batch, whose results are last actions.
   *
   * @example
   * ```ts
   * const { step, batchFlow } = define<{ seen: unknown[] }>()
   * const note = step({ name: "note", post: (shared, _prepared, _result, { params }) => void shared.seen.push(params) })
   * const perFile = batchFlow({ name: "per-file", prep: () => [{ file: "a.md" }, { file: "b.md" }], flow: note })
   * const shared = { seen: [] }
   * await perFile.run(shared, { params: { night: 1 } })
   * shared.seen // => [{ night: 1, file: "a.md" }, { night: 1, file: "b.md" }]
   * ```
   */
  readonly batchFlow: <
    Prepared,
    Sub extends Node<Shared>,
    Reply extends NextAction = undefined,
    const Policy extends OnError = "stop",
    SinkReturn = never,
  >(
    options: BatchFlowOptions<Shared, P, Prepared, Sub, Reply, Policy, SinkReturn>,
  ) => BatchFlowNode<
    Shared,
    Extract<Reply, string>,
    ActionsOf<NoInfer<Sub>>,
    Omit<Needs<P>, keyof ItemOf<NoInfer<Prepared>>>
  >

  /**
   * Batches whose items flow on one by one, without a barrier between the stages and with each stage's own limits.
   * The first stage's `prep` gives the items, the last one's `onError`, `onOutcome` and `post` take what comes out;
   * an item that failed skips the later stages. Errors: `invalid-option` for what would be ignored.
   *
   * @example
   * ```ts
   * const { batch, pipeline } = define<{ lengths?: number[] }>()
   * const read = batch({ name: "read", prep: () => ["a", "bb"], exec: async (file) => `text of ${file}`, concurrency: 50 })
   * const measure = batch({
   *   name: "measure",
   *   exec: (text: string) => text.length,
   *   post: (shared, _prepared, lengths) => { shared.lengths = lengths },
   * })
   * const shared: { lengths?: number[] } = {}
   * await pipeline([read, measure]).run(shared)
   * shared.lengths // => [9, 10]
   * ```
   */
  readonly pipeline: <const Stages extends StageList<Shared>>(
    stages: Stages & Chained<Shared, NoInfer<Stages>>,
    options?: { readonly name?: string },
  ) => Node<Shared, PipelineAction<Stages>, PipelineNeeds<Stages>>
}

/** The type of `define`. */
export interface Define {
  /** Nodes over a state that only the compiler checks. */
  <Shared, P = Params>(): Definition<Shared, P>
  /**
   * Nodes over a state that a Standard Schema (zod, Valibot, ArkType, ...) checks at the start of each run,
   * with `check: "posts"` after each `post` too. It is checked, not transformed: nodes write to the caller's own object.
   */
  <Shared>(schema: StandardSchema<Shared>, options?: { readonly check?: "start" | "posts" }): Definition<Shared>
}

/**
 * Binds `define` to a runtime: the `sluice` package brings a parallel one.
 *
 * @example
 * ```ts
 * const seeded = createDefine({ ...sequentialRuntime, random: { next: () => 0.5 } })
 * const node = seeded<object>().step({ name: "node" })
 * const ids: string[] = []
 * const onEvent = (event: SluiceEvent) => { if (event.type === "run-start") ids.push(event.runId) }
 * await node.run({}, { onEvent })
 * await node.run({}, { onEvent })
 * ids // => ["node-i00000", "node-i00000"]
 * ```
 */
export function createDefine(runtime: Runtime): Define {
  checkOptions("createDefine", runtime, runtimeChecks)
  return <Shared>(
    schema?: StandardSchema<unknown>,
    options: { readonly check?: SharedCheck["at"] } = {},
  ): Definition<Shared> => {
    checkOptions("define", options, { check: oneOf("start", "posts") })
    const kit: Kit<Shared> = {
      runtime,
      check: schema && { schema, at: options.check ?? "start" },
    }
    // One cast per kind: the types above are for people, the engine works on plain nodes.
    return {
      step: (given) => createStep(kit, given as never) as never,
      batch: (given) => createBatch(kit, given as never as PlainBatch<Shared>) as never,
      flow: (given) => createFlow(kit, given as never) as never,
      batchFlow: (given) => createBatchFlow(kit, given as never) as never,
      pipeline: (stages, given) => createPipeline(kit, stages as never, given) as never,
    }
  }
}

/**
 * Kinds of nodes over `Shared`, the only type that is written by hand. This one runs everything one after the other;
 * `define` of the `sluice` package runs batches in parallel.
 *
 * @example
 * ```ts
 * const { step, batch, flow } = define<{ texts: string[]; total?: number }>()
 * const measure = batch({
 *   name: "measure",
 *   prep: (shared) => shared.texts,
 *   exec: (text) => text.length,
 *   post: (shared, texts, lengths) => { shared.total = lengths.reduce((sum, length) => sum + length, 0) },
 * })
 * const shared = { texts: ["one", "three"] }
 * await flow({ name: "count", nodes: { measure }, start: "measure" }).run(shared) // => "default"
 * shared // => { texts: ["one", "three"], total: 8 }
 * ```
 */
export const define: Define = createDefine(sequentialRuntime)
