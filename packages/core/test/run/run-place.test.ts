import { describe, expect, test } from "vitest"
import {
  createDefine,
  define,
  type Executor,
  type ItemPlace,
  type ItemWork,
  type Node,
  type Outcome,
  runPlace,
  sequentialExecutor,
  sequentialRuntime,
  type SluiceEvent,
} from "@sluice/core"
import { MemoryJournal } from "../support/memory-journal.ts"

interface Shared {
  files: Record<string, string[]>
  out: string[]
}

/** What both processes load. `where` is who runs it. */
function digest(kit: ReturnType<typeof define<Shared>>, where: string): Node<Shared> {
  const { batch, batchFlow, flow, pipeline } = kit
  const summarise = batch({
    name: "summarise",
    prep: ({ files }, { params }) => files[String(params["file"])]!,
    exec: (line, { params, index, attempt, log }) => {
      log(`${line} in ${where}`)
      if (line === "flaky" && attempt === 1) throw new Error("once")
      if (line === "bad") throw new Error("never")
      return `${String(params["file"])}#${index} ${line} by ${where} at ${attempt}`
    },
    retry: { maxAttempts: 2 },
    fallback: (line, error, { params }) => `${String(params["file"])} ${line}: ${(error as Error).message} by ${where}`,
    post: ({ out }, _lines, summaries) => void out.push(...summaries),
  })
  const shout = pipeline(
    [
      batch({ name: "upper", prep: () => ["a", "b"], exec: (text) => `${text.toUpperCase()} by ${where}` }),
      batch({
        name: "mark",
        exec: (text: string) => `${text}! by ${where}`,
        post: ({ out }, _, all) => void out.push(...all),
      }),
    ],
    { name: "shout" },
  )
  const perFile = batchFlow({
    name: "perFile",
    prep: ({ files }) => Object.keys(files).map((file) => ({ file })),
    flow: flow({ name: "sub", nodes: { summarise }, start: "summarise" }),
  })
  return flow({ name: "digest", nodes: { perFile, shout }, start: "perFile", edges: { perFile: { default: "shout" } } })
}

/** An executor that sends every item with a place as text to a worker, which has a flow of its own. */
function queue(worker: Node<Shared>, jobs: string[]): Executor {
  const away = async (text: string): Promise<string> => {
    jobs.push(text)
    const { place, item, index } = JSON.parse(text) as { place: ItemPlace; item: unknown; index: number }
    const outcome = await runPlace(worker, place, item, index, { runtime: sequentialRuntime })
    return JSON.stringify(outcome)
  }
  return {
    map(source, work, options) {
      const { place, policy: _, ...rest } = work
      if (!place) return sequentialExecutor.map(source, work, options)
      const attempt: typeof work.attempt = async (item, { index }) => {
        const outcome = JSON.parse(await away(JSON.stringify({ place, item, index }))) as Outcome<never>
        if (outcome.status === "failed") throw new Error("failed away")
        return outcome.value
      }
      return sequentialExecutor.map(source, { ...rest, attempt }, options)
    },
  }
}

const fresh = (): Shared => ({ files: { "a.md": ["one", "flaky"], "b.md": ["bad"] }, out: [] })

describe("items of a nested batch flow, done elsewhere by their path", () => {
  const jobs: string[] = []
  const worker = digest(define<Shared>(), "worker")
  const home = digest(createDefine({ ...sequentialRuntime, executor: queue(worker, jobs) })<Shared>(), "home")

  test("have their params, their index, their attempts and their fallback there", async () => {
    const shared = fresh()
    await home.run(shared, { runId: "r1" })
    expect(shared.out).toEqual([
      "a.md#0 one by worker at 1",
      "a.md#1 flaky by worker at 2",
      "b.md bad: never by worker",
      "A by worker! by worker",
      "B by worker! by worker",
    ])
    expect(jobs.map((job) => (JSON.parse(job) as { place: ItemPlace }).place)).toEqual([
      { path: "digest/perFile/sub/summarise", visit: 0, runId: "r1", params: { file: "a.md" } },
      { path: "digest/perFile/sub/summarise", visit: 0, runId: "r1", params: { file: "a.md" } },
      { path: "digest/perFile/sub/summarise", visit: 0, runId: "r1", params: { file: "b.md" } },
      ...["upper", "mark", "upper", "mark"].map(
        (name) => expect.objectContaining({ path: `digest/shout/${name}` }) as unknown,
      ),
    ])
  })

  test("are looked up and settled at home", async () => {
    const journal = new MemoryJournal()
    const shared = fresh()
    await home.run(shared, { runId: "r2", journal })
    expect(journal.settles.filter(({ identity }) => identity.node.endsWith("/summarise"))).toHaveLength(3)
    jobs.length = 0
    const again = fresh()
    await home.run(again, { runId: "r2", journal })
    expect(jobs).toEqual([])
    expect(again.out).toEqual(shared.out)
  })
})

describe("runPlace", () => {
  const root = digest(define<Shared>(), "here")
  const place = { path: "digest/perFile/sub/summarise", visit: 0, runId: "r", params: { file: "c.md" } }
  const options = { runtime: sequentialRuntime }

  test("tells of attempts, and fails with the error itself", async () => {
    const { batch } = define<object>()
    const boom = new Error("boom")
    const node = batch({ name: "node", prep: () => [1], exec: () => Promise.reject(boom), retry: { maxAttempts: 2 } })
    const events: SluiceEvent[] = []
    const at = { ...place, path: "node", params: {} }
    const outcome = await runPlace(node, at, 1, 4, { ...options, onEvent: (event) => events.push(event) })
    expect(outcome).toEqual({ status: "failed", index: 4, error: boom, attempts: 2 })
    expect(events).toMatchObject([
      { type: "attempt-end", node: "node", index: 4, attempt: 1, error: boom, runId: "r" },
      { type: "attempt-end", node: "node", index: 4, attempt: 2 },
    ])
    const silent = batch({ name: "node", prep: () => [1], exec: (n) => n })
    expect(await runPlace(silent, at, 5, 0, options)).toEqual({ status: "ok", index: 0, value: 5, attempts: 1 })
  })

  test("is cancelled with the reason as it was given", async () => {
    const reason = { why: "enough" }
    const signal = AbortSignal.abort(reason)
    await expect(runPlace(root, place, "one", 0, { ...options, signal })).rejects.toBe(reason)
  })

  test.each([
    "digest",
    "other/perFile",
    "digest/perFile/summarise",
    "digest/perFile/sub/summarise/more",
    "digest/nothing",
  ])("refuses a place that is no batch of the flow: %s", async (path) => {
    await expect(runPlace(root, { ...place, path }, "one", 0, options)).rejects.toMatchObject({
      code: "invalid-graph",
      message: expect.stringContaining(`"digest" has no batch at "${path}"`) as string,
    })
  })
})

test("what has no items of its own has no place", async () => {
  const places: unknown[] = []
  const executor: Executor = {
    map: (source, work, options) => {
      places.push((work as ItemWork<unknown, unknown>).place)
      return sequentialExecutor.map(source, work, options)
    },
  }
  const { step, batchFlow } = createDefine({ ...sequentialRuntime, executor })<object>()
  const tried = step({ name: "tried", exec: () => 1, retry: { maxAttempts: 2 } })
  await batchFlow({ name: "each", prep: () => [{ n: 1 }], flow: tried }).run({}, { onEvent: () => {} })
  expect(places).toEqual([undefined, undefined])
})
