import { describe, expect, test } from "vitest"
import { define, type Outcome, type SluiceEvent } from "@sluice/core"
import { parallel } from "../support/parallel.ts"

interface Shared {
  items: number[]
  out?: unknown
}
const fresh = (items: number[] = [0, 1, 2, 3]): Shared => ({ items })

test("three stages of 100 ms over 1,000 items at 100 each take 1.2 s, not 3 s", async () => {
  const { define: parallelDefine, time } = parallel()
  const { batch, pipeline } = parallelDefine<Shared>()
  let inFlight = 0
  let most = 0
  const work = async (n: number): Promise<number> => {
    most = Math.max(most, ++inFlight)
    await time.sleep(100)
    inFlight--
    return n + 1
  }
  const line = pipeline([
    batch({ name: "a", prep: () => Array.from({ length: 1_000 }, (_, n) => n), concurrency: 100, exec: work }),
    batch({ name: "b", concurrency: 100, exec: work }),
    batch({ name: "c", concurrency: 100, exec: work, post: (shared, _, results) => void (shared.out = results) }),
  ])
  const shared = fresh()
  await time.until(line.run(shared))
  expect(shared.out).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 3))
  expect(time.now()).toBe(1_200)
  expect(most).toBe(300)
})

test("results are in input order whatever overtakes, and ctx.index is the item's own in every stage", async () => {
  const { define: parallelDefine, time } = parallel()
  const { batch, pipeline } = parallelDefine<Shared>()
  const indexes: string[] = []
  const events: SluiceEvent[] = []
  const line = pipeline(
    [
      batch({ name: "a", prep: async (shared) => shared.items, exec: async (n) => (await time.sleep(40 - 10 * n), n) }),
      batch({
        name: "b",
        exec: async (n: number, ctx) => {
          indexes.push(`${n}@${ctx.index}`)
          return `r${n}`
        },
        post: async (shared, prepared, results) => {
          shared.out = [prepared, results]
          return "done"
        },
      }),
    ],
    { name: "line" },
  )
  const shared = fresh()
  expect(await time.until(line.run(shared, { onEvent: (event) => events.push(event) }))).toBe("done")
  expect(shared.out).toEqual([undefined, ["r0", "r1", "r2", "r3"]])
  expect(indexes).toEqual(["3@3", "2@2", "1@1", "0@0"])
  expect(
    new Set(events.flatMap((event) => (event.type === "item-end" ? [`${event.node} ${event.parentId}`] : []))),
  ).toEqual(new Set(["line/a 1", "line/b 1"]))
})

describe("failures", () => {
  test.each([0, 1, 2])("a failure in stage %i stops all stages, and waits for what they run", async (bad) => {
    const { define: parallelDefine, time } = parallel()
    const { batch, pipeline } = parallelDefine<Shared>()
    let running = 0
    const work =
      (stage: number) =>
      async (n: number, ctx: { signal: AbortSignal }): Promise<number> => {
        running++
        await time.sleep(10, ctx.signal).catch(() => time.sleep(3))
        running--
        if (stage === bad && n === 5) throw new Error("boom")
        return n
      }
    const line = pipeline([
      batch({ name: "a", prep: () => Array.from({ length: 1_000 }, (_, n) => n), exec: work(0) }),
      batch({ name: "b", exec: work(1) }),
      batch({ name: "c", exec: work(2) }),
    ])
    const error = await time.until(line.run(fresh()).catch((caught: unknown) => caught))
    expect(error).toMatchObject({ code: "item-failed", index: 5, node: `a > b > c/${"abc"[bad]}` })
    expect(running).toBe(0)
    expect(time.now()).toBeLessThan(100)
    expect(time.pendingTimers).toBe(0)
  })

  test("collected failures skip the later stages and come out at their own index", async () => {
    const { batch, pipeline } = define<Shared>()
    const seen: number[] = []
    const failAt =
      (bad: number) =>
      (n: number): number => {
        seen.push(n)
        if (n === bad) throw new Error(`bad ${n}`)
        return n
      }
    const line = pipeline([
      batch({ name: "a", prep: (shared) => shared.items, exec: failAt(1), onError: "collect" }),
      batch({
        name: "b",
        exec: failAt(2),
        onError: "collect",
        post: (shared, _, outcomes) => void (shared.out = outcomes),
      }),
    ])
    const shared = fresh()
    await line.run(shared)
    expect((shared.out as Outcome<number>[]).map(({ index, status }) => [index, status])).toEqual([
      [0, "ok"],
      [1, "failed"],
      [2, "failed"],
      [3, "ok"],
    ])
    expect(seen).toEqual([0, 0, 1, 2, 2, 3, 3])
  })

  test("the last stage may stream, as items complete", async () => {
    const { batch, pipeline } = define<Shared>()
    const took: number[] = []
    const line = pipeline([
      batch({ name: "a", prep: (shared) => shared.items, exec: (n) => n }),
      batch({
        name: "b",
        exec: (n: number) => n,
        onOutcome: ({ index }) => void took.push(index),
        post: (shared, _, summary) => void (shared.out = summary),
      }),
    ])
    const shared = fresh()
    await line.run(shared)
    expect(took).toEqual([0, 1, 2, 3])
    expect(shared.out).toEqual({ settled: 4, ok: 4, failed: 0 })
  })

  test("a failing source or executor comes out as it is", async () => {
    const { batch, pipeline } = define<Shared>()
    const broken = function* (): Generator<number> {
      yield 1
      throw new Error("source")
    }
    const line = pipeline([
      batch({ name: "a", prep: broken, exec: (n) => n }),
      batch({ name: "b", exec: (n: number) => n }),
    ])
    await expect(line.run(fresh())).rejects.toThrow("source")
    const timed = pipeline([
      batch({ name: "a", prep: () => [1], exec: (n) => n, timeoutMs: 5 }),
      batch({ name: "b", exec: (n: number) => n }),
    ])
    await expect(timed.run(fresh())).rejects.toMatchObject({ code: "no-clock" })
    const keyless = pipeline([
      batch({
        name: "a",
        prep: () => [1],
        key: (): string => {
          throw new Error("key")
        },
        exec: (): number => {
          throw new Error("exec")
        },
      }),
      batch({ name: "b", exec: (n: number) => n }),
    ])
    await expect(keyless.run(fresh())).rejects.toThrow("key")
  })
})

test("an empty pipeline answers post with nothing", async () => {
  const { batch, pipeline } = define<Shared>()
  const shared = fresh()
  await pipeline([
    batch({ name: "a", exec: (n: number) => n }),
    batch({ name: "b", exec: (n: number) => n, post: (state, _, results) => void (state.out = results) }),
  ]).run(shared)
  expect(shared.out).toEqual([])
})

test("what a pipeline would ignore is refused", () => {
  const { batch, pipeline } = define<Shared>()
  const first = batch({ name: "a", prep: () => [1], exec: (n) => n })
  const last = batch({ name: "b", exec: (n: number) => n })
  expect(() => pipeline([first, first])).toThrow('pipeline "a > a": stages[1] ("a").prep must be left out')
  expect(() => pipeline([batch({ name: "p", exec: (n: number) => n, post: () => {} }), last])).toThrow(
    'stages[0] ("p").post must be left out',
  )
  expect(() => pipeline([batch({ name: "s", exec: (n: number) => n, onOutcome: () => {} }), last])).toThrow(
    'stages[0] ("s").onOutcome must be left out',
  )
  expect(() => pipeline([batch({ name: "c", exec: (n: number) => n, onError: "collect" }), last])).toThrow(
    'onError of the last stage must be "collect" or a budget, as an earlier stage collects failures (got "stop").',
  )
  expect(() =>
    pipeline([first, batch({ name: "o", exec: (n: number) => n, order: "input", onOutcome: () => {} })]),
  ).toThrow(
    'order of the last stage must be "completion" or left out: its onOutcome takes items as they complete (got "input").',
  )
  expect(() => pipeline([first, last], { name: "x/y" })).toThrow("pipeline: name must be")
  expect(() => pipeline([first, batch({ name: "a", exec: (n: number) => n })])).toThrow(
    'pipeline "a > a": stages[0] and stages[1] are both named "a"',
  )
})
