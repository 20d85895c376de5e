import { AsyncLocalStorage } from "node:async_hooks"
import { expect, test } from "vitest"
import { type BegunWork, createDefine, type EventSink, sequentialRuntime, type SluiceEvent } from "@sluice/core"
import { runWithin } from "@sluice/core/internal"

const wallMs = 1_764_000_000_000

/** A clock that goes a millisecond with each look, so that what is measured between two looks is known. */
function kit(): ReturnType<ReturnType<typeof createDefine>> {
  let nowMs = 0
  const clock = { ...sequentialRuntime.clock, now: () => ++nowMs, wallNow: () => wallMs + nowMs }
  return createDefine({ ...sequentialRuntime, clock })()
}

function listener(within?: EventSink["within"]): EventSink & { events: SluiceEvent[] } {
  const events: SluiceEvent[] = []
  const sink = (event: SluiceEvent): void => void events.push(event)
  return Object.assign(sink, { events, ...(within && { within }) })
}

test("each attempt runs inside what the sink puts around it, in a batch and in a step", async () => {
  const { batch, step, flow } = kit()
  const around = new AsyncLocalStorage<BegunWork>()
  const seen: unknown[] = []
  const sink = listener((work, fn) => around.run(work, fn))
  let busy = true
  const app = flow({
    name: "app",
    nodes: {
      ask: step({ name: "ask", exec: () => void seen.push(around.getStore()), post: () => "next" }),
      each: batch({
        name: "each",
        prep: () => ["a", "b"],
        retry: { maxAttempts: 2, backoff: { initialMs: 0 } },
        exec: async (letter) => {
          await Promise.resolve()
          seen.push([letter, around.getStore()])
          if (letter === "b" && busy) {
            busy = false
            throw new Error("busy")
          }
        },
        onError: "collect",
      }),
    },
    start: "ask",
    edges: { ask: { next: "each" } },
  })
  await app.run({}, { onEvent: sink, runId: "r1" }).catch(() => {})
  const spanOf = (index: number): number | undefined =>
    sink.events.filter((event) => event.type === "item-start").find((event) => event.index === index)?.spanId
  const node = sink.events.filter((event) => event.type === "node-start").find((event) => event.node === "app/ask")
  const work = { type: "attempt", runId: "r1", index: 0, attempt: 1, atMs: expect.any(Number) as number }
  expect(seen[0]).toEqual({ ...work, node: "app/ask", spanId: node?.spanId })
  expect(seen[1]).toEqual(["a", { ...work, node: "app/each", spanId: spanOf(0) }])
  expect(seen[2]).toEqual(["b", { ...work, node: "app/each", index: 1, spanId: spanOf(1) }])
})

test("an attempt says when it began, a run what the wall clock showed", async () => {
  const { step } = kit()
  const sink = listener()
  await step({ name: "node", exec: () => 1 }).run({}, { onEvent: sink })
  const [start, , end] = sink.events
  expect(start).toMatchObject({ type: "run-start", wallMs: wallMs + start!.atMs - 1 })
  expect(end).toMatchObject({ type: "attempt-end", startMs: end!.atMs - 1 })
})

test("core alone has no wall clock, and its events say nothing of one", async () => {
  const sink = listener()
  await createDefine(sequentialRuntime)().step({ name: "node" }).run({}, { onEvent: sink })
  expect(sink.events[0]).not.toHaveProperty("wallMs")
})

test.each<[string, EventSink["within"]]>([
  [
    "before the work",
    () => {
      throw new Error("sink")
    },
  ],
  [
    "after the work",
    (_work, fn) => {
      fn()
      throw new Error("sink")
    },
  ],
])("a sink that throws %s does not disturb it: it is done once, and its result counts", async (_when, within) => {
  const { step } = kit()
  let runs = 0
  const node = step({
    name: "node",
    exec: () => {
      runs++
      return "result"
    },
    post: (_shared, _prepared, result) => result,
  })
  expect(await node.run({}, { onEvent: listener(within) })).toBe("result")
  expect(runs).toBe(1)
})

test("what the work throws goes through the sink as it is", async () => {
  const { step } = kit()
  const boom = new Error("boom")
  const exec = (): never => {
    throw boom
  }
  const run = step({ name: "node", exec }).run({}, { onEvent: listener((_work, fn) => fn()) })
  expect(await run.catch((error: unknown) => error)).toBe(boom)
})

test("a cancel of a step that nothing but a listener follows: exec is not begun, or its attempt keeps its own error and the node has the reason", async () => {
  const { step } = kit()
  const told = async (abortIn: "prep" | "exec"): Promise<unknown[]> => {
    const sink = listener()
    const controller = new AbortController()
    const abort = (): void => controller.abort("enough")
    const ask = step({
      name: "ask",
      prep: () => abortIn === "prep" && abort(),
      exec: () => {
        abort()
        throw new Error("torn")
      },
    })
    await expect(ask.run({}, { onEvent: sink, signal: controller.signal })).rejects.toBe("enough")
    return sink.events.map((event) => [event.type, "error" in event ? event.error : undefined])
  }
  const starts = [
    ["run-start", undefined],
    ["node-start", undefined],
  ]
  const ends = [
    ["node-end", "enough"],
    ["run-end", "enough"],
  ]
  expect(await told("prep")).toEqual([...starts, ...ends])
  expect(await told("exec")).toEqual([...starts, ["attempt-end", new Error("torn")], ...ends])
})

test("a cancel that comes as an attempt is told of: the result that a step has by then counts, and its node ends", async () => {
  const { step } = kit()
  const controller = new AbortController()
  const posted: unknown[] = []
  const ask = step({
    name: "ask",
    retry: { maxAttempts: 2 },
    exec: () => "answer",
    post: (_shared, _prepared, result) => void posted.push(result),
  })
  const onEvent: EventSink = ({ type }) => void (type === "attempt-end" && controller.abort("enough"))
  await ask.run({}, { onEvent, signal: controller.signal }).catch(() => {})
  expect(posted).toEqual(["answer"])
})

test("a sink that puts nothing around work, or none, leaves it as it is", () => {
  const work: BegunWork = { type: "attempt", atMs: 0, runId: "r", spanId: 1, node: "ask", index: 0, attempt: 1 }
  expect([runWithin(undefined, work, () => 1), runWithin(listener(), work, () => 2)]).toEqual([1, 2])
})

test.each<[string, <R>(fn: () => R) => R]>([
  ["calls it twice", (fn) => (fn(), fn())],
  ["never calls it", () => undefined as never],
  ["never calls it and returns something", () => "else" as never],
  ["keeps what it returned to itself", (fn) => (fn(), undefined as never)],
  [
    "calls it again when it threw",
    (fn) => {
      try {
        return fn()
      } catch {
        return fn()
      }
    },
  ],
  [
    "keeps what it threw to itself",
    (fn) => {
      try {
        return fn()
      } catch {
        return undefined as never
      }
    },
  ],
])("work runs once, and what it returned or threw counts, though the sink %s", (_name, around) => {
  const work: BegunWork = { type: "attempt", atMs: 0, runId: "r", spanId: 1, node: "ask", index: 0, attempt: 1 }
  const sink = listener((_work, fn) => around(fn))
  let runs = 0
  expect(runWithin(sink, work, () => ++runs)).toBe(1)
  const boom = new Error("boom")
  const failing = (): never => {
    runs++
    throw boom
  }
  expect(() => runWithin(sink, work, failing)).toThrow(boom)
  expect(runs).toBe(2)
})
