import { createDefine } from "@sluice/core"
import { createQuota, parallelMap, systemRuntime } from "@sluice/scheduler"
import { WORKERS, type Measure, type Run } from "./contestant.ts"

function* source(items: number): Generator<number> {
  for (let i = 0; i < items; i++) yield i
}
const fn = async (item: number): Promise<number> => item + 1
/** One for all rounds, as a program has one: see `admission.ts`. */
const limiter = createQuota({ concurrency: WORKERS, requestsPerMinute: { limit: 1e12, kind: "bucket" } })

/** Hands every item to `run` from as many loops as may run at once, so that nothing is queued beyond that. */
function pulled(items: number, run: (item: number) => Promise<unknown>): Run {
  return async () => {
    const iterator = source(items)
    let count = 0
    const worker = async (): Promise<void> => {
      for (const item of iterator) {
        await run(item)
        count++
      }
    }
    await Promise.all(Array.from({ length: WORKERS }, worker))
    return count
  }
}

async function drained(outcomes: AsyncIterable<{ readonly status: string }>): Promise<number> {
  let count = 0
  for await (const { status } of outcomes) if (status === "ok") count++
  return count
}

export const manyItems: Measure = {
  title: "Many items",
  what: `An item is one call of an async function that does nothing, ${WORKERS} at once, from a generator.`,
  contestants: [
    { name: "bare loop of workers", prepare: (items) => pulled(items, fn) },
    {
      name: "sluice parallelMap",
      prepare: (items) => () => drained(parallelMap(source(items), fn, { concurrency: WORKERS })),
    },
    {
      name: "sluice parallelMap, auto",
      prepare: (items) => () => drained(parallelMap(source(items), fn, { concurrency: "auto" })),
    },
    {
      name: "sluice parallelMap under a quota",
      prepare: (items) => () => drained(parallelMap(source(items), fn, { concurrency: WORKERS, limiter })),
    },
    {
      name: "sluice batch, streamed",
      prepare(items) {
        let count = 0
        const { batch } = createDefine(systemRuntime)<object>()
        const node = batch({
          name: "items",
          prep: () => source(items),
          exec: fn,
          concurrency: WORKERS,
          onOutcome: ({ status }) => {
            if (status === "ok") count++
          },
        })
        return async () => {
          count = 0
          await node.run({})
          return count
        }
      },
    },
    {
      name: "p-limit, fed by pulling loops",
      package: "p-limit",
      async prepare(items) {
        const { default: pLimit } = await import("p-limit")
        const limit = pLimit(WORKERS)
        return pulled(items, (item) => limit(fn, item))
      },
    },
    {
      name: "p-map (keeps all results)",
      package: "p-map",
      async prepare(items) {
        const { default: pMap } = await import("p-map")
        return async () => (await pMap(source(items), fn, { concurrency: WORKERS })).length
      },
    },
    {
      name: "p-map's pMapIterable",
      package: "p-map",
      async prepare(items) {
        const { pMapIterable } = await import("p-map")
        return async () => {
          let count = 0
          for await (const _ of pMapIterable(source(items), fn, { concurrency: WORKERS })) count++
          return count
        }
      },
    },
    {
      name: "p-queue, fed by pulling loops",
      package: "p-queue",
      async prepare(items) {
        const { default: PQueue } = await import("p-queue")
        const queue = new PQueue({ concurrency: WORKERS })
        return pulled(items, (item) => queue.add(() => fn(item)))
      },
    },
    {
      name: "Effect.forEach (drains its source)",
      package: "effect",
      async prepare(items) {
        const { Effect } = await import("effect")
        return async () => {
          let count = 0
          const one = (item: number) =>
            Effect.map(
              Effect.promise(() => fn(item)),
              () => void count++,
            )
          await Effect.runPromise(Effect.forEach(source(items), one, { concurrency: WORKERS, discard: true }))
          return count
        }
      },
    },
    {
      name: "pocketflow ParallelBatchNode (all at once)",
      package: "pocketflow",
      async prepare(items) {
        const { ParallelBatchNode } = await import("pocketflow")
        let count = 0
        class Items extends ParallelBatchNode<object> {
          override prep = async (): Promise<number[]> => [...source(items)]
          override exec = fn as (item: unknown) => Promise<unknown>
          override post = async (_: object, __: unknown, results: unknown): Promise<undefined> => {
            count = (results as unknown[]).length
          }
        }
        return async () => {
          await new Items().run({})
          return count
        }
      },
    },
    {
      name: "LangGraph.js Send",
      package: "@langchain/langgraph",
      // Its time grows with the square.
      most: 1_000,
      async prepare(items) {
        const { Annotation, END, Send, START, StateGraph } = await import("@langchain/langgraph")
        const State = Annotation.Root({
          item: Annotation<number>,
          done: Annotation<number>({ reducer: (sum, more) => sum + more, default: () => 0 }),
        })
        const graph = new StateGraph(State)
          .addNode("work", async ({ item }) => ({ done: Number.isFinite(await fn(item)) ? 1 : 0 }))
          .addConditionalEdges(START, () => Array.from(source(items), (item) => new Send("work", { item })))
          .addEdge("work", END)
          .compile()
        return async () => (await graph.invoke({ item: 0, done: 0 }, { maxConcurrency: WORKERS })).done
      },
    },
    {
      name: "Bottleneck, fed by pulling loops",
      package: "bottleneck",
      most: 1_000,
      async prepare(items) {
        const { default: Bottleneck } = await import("bottleneck")
        const limiter = new Bottleneck({ maxConcurrent: WORKERS })
        return pulled(items, (item) => limiter.schedule(() => fn(item)))
      },
    },
  ],
}
