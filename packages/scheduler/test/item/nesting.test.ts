import { currentScope, type Limiter } from "@sluice/core"
import { awakeQuota, VirtualClock } from "@sluice/lab"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parallelExecutor } from "../../src/runtime/executor.ts"
import { parallelMap } from "../../src/map/parallel-map.ts"
import { semaphore } from "../../src/limiters/semaphore.ts"
import { sleep } from "../../src/runtime/sleep.ts"

const half = { next: () => 0.5 }

/** Counts the tasks that work at this moment: those that wait for their children do not. */
function meter(): { work: (clock: VirtualClock, ms: number) => Promise<void>; most: () => number } {
  let working = 0
  let most = 0
  return {
    async work(clock, ms) {
      most = Math.max(most, ++working)
      await sleep(clock, ms)
      working--
    },
    most: () => most,
  }
}

describe("nesting rule", () => {
  it("row 32: depth 5 × width 10 at limit 1 finishes, and the cap holds for the whole tree", async () => {
    const clock = new VirtualClock()
    const shared = semaphore({ limit: 1 })
    const { work, most } = meter()
    let tasks = 0
    const visit = async (depth: number): Promise<void> => {
      tasks++
      await work(clock, 1)
      if (depth < 5) {
        const children = Array.from({ length: depth < 3 ? 10 : 3 }, () => depth + 1)
        for await (const _ of parallelMap(children, visit, { concurrency: 10, limiter: shared, clock }));
      }
      await work(clock, 1)
    }
    await clock.run(Array.fromAsync(parallelMap([1], visit, { concurrency: 10, limiter: shared, clock })))
    expect(tasks).toBe(1 + 10 + 100 + 300 + 900)
    expect(most()).toBe(1)
    expect(shared.snapshot()).toMatchObject({ inUse: 0, waiting: 0 })
  })

  it("through maps of one, as steps in nested flows do", async () => {
    const clock = new VirtualClock()
    const shared = semaphore({ limit: 2 })
    const executor = parallelExecutor(clock, half)
    const { work, most } = meter()
    const limited = (n: number, attempt: () => Promise<void>) =>
      Array.fromAsync(executor.map([n], { attempt, policy: { limiter: shared } }, { concurrency: 1 }))
    const leaf = (): Promise<void> => work(clock, 10)
    const branch = async (): Promise<void> => {
      await work(clock, 5)
      await Promise.all([1, 2, 3].map((n) => limited(n, leaf)))
      await work(clock, 5)
    }
    const map = executor.map([1, 2, 3, 4, 5], { attempt: (n) => limited(n, branch) }, { concurrency: 5 })
    const outcomes = await clock.run(Array.fromAsync(map))
    expect(outcomes.every((each) => each.status === "ok" && each.value.every(({ status }) => status === "ok"))).toBe(
      true,
    )
    expect(most()).toBe(2)
    expect(shared.snapshot()).toMatchObject({ inUse: 0, waiting: 0 })
  })

  it("any tree under any limit finishes within the cap and gives every permit back, whatever fails or leaves early", async () => {
    interface Tree {
      readonly ms: number
      readonly ends: "well" | "badly" | "break"
      readonly children: readonly Tree[]
    }
    const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
      tree: fc.record({
        ms: fc.nat(5),
        ends: fc.constantFrom<Tree["ends"][]>("well", "well", "well", "badly", "break"),
        children: fc.oneof({ maxDepth: 4 }, fc.constant([]), fc.array(tie("tree"), { maxLength: 4 })),
      }),
    }))
    await fc.assert(
      fc.asyncProperty(
        fc.array(tree, { maxLength: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom<(number | "auto")[]>(1, 3, "auto"),
        async (trees, limit, concurrency) => {
          const clock = new VirtualClock()
          const shared = semaphore({ limit, clock })
          const { work, most } = meter()
          const options = { concurrency, limiter: shared, clock, onError: "collect" } as const
          const visit = async ({ ms, ends, children }: Tree): Promise<void> => {
            await work(clock, ms)
            for await (const _ of parallelMap(children, visit, options)) if (ends === "break") break
            await work(clock, ms)
            if (ends === "badly") throw new Error("bad end")
          }
          const outcomes = await clock.run(Array.fromAsync(parallelMap(trees, visit, options)))
          expect(outcomes.map((each) => each.status)).toEqual(
            trees.map(({ ends }) => (ends === "badly" ? "failed" : "ok")),
          )
          expect(most()).toBeLessThanOrEqual(limit)
          expect(shared.snapshot()).toMatchObject({ inUse: 0, waiting: 0 })
          expect(clock.pending).toBe(0)
        },
      ),
      { numRuns: 200 },
    )
  })

  it.each([1, 3])("under one quota of concurrency %i", async (concurrency) => {
    const clock = new VirtualClock()
    const shared = awakeQuota({ concurrency, requestsPerDay: 1_000, clock, random: half })
    const { work, most } = meter()
    let tasks = 0
    const visit = async (depth: number): Promise<void> => {
      tasks++
      await work(clock, 1)
      const children = Array.from({ length: depth < 4 ? 4 : 0 }, () => depth + 1)
      for await (const _ of parallelMap(children, visit, { limiter: shared, clock }));
      await work(clock, 1)
    }
    await clock.run(Array.fromAsync(parallelMap([1], visit, { limiter: shared, clock })))
    expect(tasks).toBe(1 + 4 + 16 + 64)
    expect(most()).toBe(concurrency)
    // Lending a place and having it back costs no request.
    const requests = shared.snapshot().limits.find((limit) => limit.dimension === "requests")
    expect(requests).toMatchObject({ level: 1_000 - tasks })
    expect(shared.snapshot()).toMatchObject({ inFlight: 0, waiting: 0 })
    await shared.close()
  })

  it("two nested maps side by side borrow one place once", async () => {
    const clock = new VirtualClock()
    const shared = semaphore({ limit: 1 })
    const { work, most } = meter()
    const inner = (): Promise<unknown> =>
      Array.fromAsync(parallelMap([1, 2], () => work(clock, 10), { concurrency: 2, limiter: shared }))
    const outer = parallelMap([1, 2], async () => (await Promise.all([inner(), inner()]), work(clock, 1)), {
      concurrency: 2,
      limiter: shared,
    })
    expect(await clock.run(Array.fromAsync(outer))).toHaveLength(2)
    expect(most()).toBe(1)
    expect(shared.snapshot().inUse).toBe(0)
  })

  it("a place that is lent again while it was on its way back goes to the children", async () => {
    const clock = new VirtualClock()
    const shared = semaphore({ limit: 1 })
    const inner = (): Promise<unknown> => Array.fromAsync(parallelMap([1], () => sleep(clock, 10), { limiter: shared }))
    const outer = parallelMap(
      [1],
      async () => {
        // The second starts at 15, when the place is being waited for that the first gave back at 10.
        await Promise.all([inner(), sleep(clock, 15).then(inner)])
        expect(shared.snapshot()).toMatchObject({ inUse: 1, waiting: 0 })
      },
      { limiter: shared },
    )
    const all = Array.fromAsync(outer)
    await clock.advance(5)
    const other = shared.use(() => sleep(clock, 20), { priority: 9 }) // from 10 to 30
    expect(await clock.run(all)).toMatchObject([{ status: "ok" }])
    await other
    expect(clock.now()).toBe(40)
    expect(shared.snapshot()).toMatchObject({ inUse: 0, waiting: 0 })
  })

  it("a place that comes back after its attempt has timed out is given up", async () => {
    const clock = new VirtualClock()
    const shared = semaphore({ limit: 1 })
    const fn = (): Promise<unknown> => Array.fromAsync(parallelMap([1], () => sleep(clock, 10), { limiter: shared }))
    const map = parallelMap([1], fn, { limiter: shared, timeoutMs: 20, clock, onError: "collect" })
    const all = Array.fromAsync(map)
    await clock.advance(5)
    const other = shared.use(() => sleep(clock, 50), { priority: 9 })
    expect(await clock.run(all)).toMatchObject([{ status: "failed", error: { code: "timeout" } }])
    await clock.run(other)
    await clock.advance(1)
    expect(shared.snapshot()).toMatchObject({ inUse: 0, waiting: 0 })
  })

  it("an abort while a parent waits to have its place back settles at once", async () => {
    const clock = new VirtualClock()
    const shared = semaphore({ limit: 1 })
    const controller = new AbortController()
    const parent = parallelMap(
      [1],
      () => Array.fromAsync(parallelMap([1], () => sleep(clock, 10), { limiter: shared })),
      {
        limiter: shared,
        signal: controller.signal,
      },
    )
    const ended = Array.fromAsync(parent).catch((error: unknown) => [error, clock.now()])
    await clock.advance(5)
    // Takes the place as the child gives it back, before its parent.
    const thief = shared.admit({}, { priority: 9 })
    await clock.advance(20)
    controller.abort("out")
    expect(await clock.run(ended)).toEqual(["out", 25])
    ;(await thief).settle({ outcome: "success" })
    expect(shared.snapshot()).toMatchObject({ inUse: 0, waiting: 0 })
  })

  it("a raw admit inside a task that holds the limit at its full capacity fails, naming both sites", async () => {
    const shared = semaphore({ limit: 1 })
    const outcomes = await Array.fromAsync(
      parallelMap([1], () => shared.admit(), { limiter: shared, concurrency: 1, onError: "collect" }),
    )
    expect(outcomes).toMatchObject([
      {
        status: "failed",
        error: { code: "limiter-reentry", details: { heldAt: "parallelMap[0]", wantedAt: "parallelMap[0]" } },
      },
    ])
    expect((outcomes[0] as { error: Error }).error.message).toMatch(
      /^parallelMap\[0\] waits for a permit .* parallelMap\[0\]/,
    )
    expect(shared.snapshot()).toMatchObject({ inUse: 0, waiting: 0 })
  })
})

describe("permits of a map", () => {
  it.each([1, "auto" as const])(
    "work that an item left behind is not taken for the next item's at %s",
    async (concurrency) => {
      const clock = new VirtualClock()
      const shared = semaphore({ limit: 1 })
      let behind: Promise<unknown> | undefined
      const fn = async (n: number): Promise<void> => {
        if (n === 0) {
          behind = sleep(clock, 15).then(async () => {
            const permit = await shared.admit()
            permit.settle({ outcome: "success" })
            return [currentScope()?.site, clock.now()]
          })
        }
        await sleep(clock, 10)
      }
      await clock.run(Array.fromAsync(parallelMap([0, 1], fn, { limiter: shared, concurrency, clock })))
      expect(await clock.run(behind!)).toEqual(["parallelMap[0]", 20])
    },
  )

  it("row 16: each attempt is admitted and charged, and nothing is held between attempts", async () => {
    const clock = new VirtualClock()
    const log: string[] = []
    const limiter: Limiter = {
      tryAdmit: () => undefined,
      admit: (cost) => {
        log.push(`${clock.now()} admit ${cost?.inputTokens} in ${currentScope()?.site}`)
        return Promise.resolve({ settle: ({ outcome }) => void log.push(`${clock.now()} ${outcome}`) })
      },
    }
    const fn = async (_n: number, { attempt }: { attempt: number }): Promise<void> => {
      await sleep(clock, 10)
      if (attempt === 1) throw Object.assign(new Error("slow down"), { status: 429, retryAfterMs: 500 })
      if (attempt === 2) throw new Error("hiccup")
    }
    const map = parallelMap([7], fn, {
      limiter,
      cost: (n) => ({ inputTokens: n }),
      retry: { maxAttempts: 3, backoff: { initialMs: 100, jitter: "none" } },
      clock,
      random: half,
    })
    await clock.run(Array.fromAsync(map))
    expect(log).toEqual([
      "0 admit 7 in parallelMap[0]",
      "10 throttled",
      "510 admit 7 in parallelMap[0]",
      "520 ignored",
      "720 admit 7 in parallelMap[0]",
      "730 success",
    ])
  })

  it("an attempt tells its limiter what its error says; one that was refused asks again with its place in time", async () => {
    const clock = new VirtualClock()
    const log: string[] = []
    const limiter: Limiter = {
      tryAdmit: () => undefined,
      admit: (_cost, options) => {
        log.push(`${clock.now()} since ${options?.since}`)
        return Promise.resolve({
          settle: (end) => void log.push(`${end.outcome}${end.outcome === "throttled" ? ` ${end.reason}` : ""}`),
        })
      },
    }
    const errors = [
      { status: 429, message: "429 Too many concurrent requests" },
      { status: 429, message: "429 Rate limit reached" },
      { statusCode: 529 },
      { status: 503 },
      { status: 400 },
      {},
    ]
    const fn = async (_n: number, { attempt }: { attempt: number }): Promise<void> => {
      await sleep(clock, 10)
      const error = errors[attempt - 1]
      if (error) throw Object.assign(new Error("no"), error)
    }
    const retry = { maxAttempts: 7, backoff: { initialMs: 100, factor: 1, jitter: "none" as const } }
    await clock.run(Array.fromAsync(parallelMap([7], fn, { limiter, retry, clock, random: half })))
    expect(log.join(" · ")).toBe(
      "0 since undefined · throttled places · 110 since 0 · throttled rate · 220 since 0 · throttled overloaded · " +
        "330 since 0 · failed · 440 since undefined · ignored · 550 since undefined · ignored · 660 since undefined · success",
    )
  })

  it("auto: items that hold a permit are bounded by the limiter alone; few wait; few run free", async () => {
    const clock = new VirtualClock()
    let pulled = 0
    function* endless(): Generator<number> {
      for (;;) yield pulled++
    }
    const controller = new AbortController()
    const run = (fn: () => Promise<unknown>, options: object): Promise<unknown> =>
      Array.fromAsync(
        parallelMap(endless(), fn, { ...options, clock, signal: controller.signal, order: "completion" }),
      ).catch(() => undefined)
    const shared = semaphore({ limit: 250 })
    const bounded = run(() => sleep(clock, 5_000), { limiter: shared })
    await clock.advance(100)
    expect(shared.snapshot()).toMatchObject({ inUse: 250, waiting: 16 })
    expect(pulled).toBe(266)
    await clock.advance(12_000)
    expect(shared.snapshot()).toMatchObject({ inUse: 250, waiting: 16 })

    const before = pulled
    const free = run(() => sleep(clock, 5_000), {})
    await clock.advance(100)
    expect(pulled - before).toBe(16)
    controller.abort()
    await clock.run(Promise.all([bounded, free]))
  })

  it("auto counts items that wait apart from those that run free", async () => {
    const clock = new VirtualClock()
    const shared = semaphore({ limit: 1 })
    let pulled = 0
    const fn = (n: number): Promise<unknown> => {
      pulled++
      return n % 2 ? shared.use(() => sleep(clock, 10_000)) : sleep(clock, 10_000)
    }
    const items = Array.from({ length: 100 }, (_, i) => i)
    const all = Array.fromAsync(parallelMap(items, fn, { clock }))
    await clock.advance(10)
    expect(pulled).toBe(31) // 16 free, 1 holds, 14 wait
    await clock.run(all)
  })

  it("auto sees permits taken deep inside an item, and does not stop for items that wait between attempts", async () => {
    const clock = new VirtualClock()
    const shared = semaphore({ limit: 40 })
    let started = 0
    const inner = async (): Promise<void> => {
      started++
      await shared.use(() => sleep(clock, 1_000))
    }
    const items = Array.from({ length: 100 }, (_, i) => i)
    const nested = parallelMap(items, () => Array.fromAsync(parallelMap([1], inner, { concurrency: 1 })), { clock })
    const all = Array.fromAsync(nested)
    await clock.advance(10)
    expect(started).toBe(56)
    expect(await clock.run(all)).toHaveLength(100)

    let attempts = 0
    const flaky = async (_n: number, { attempt }: { attempt: number }): Promise<void> => {
      attempts++
      if (attempt === 1) throw new Error("again")
    }
    const retried = parallelMap(items, flaky, {
      clock,
      retry: { maxAttempts: 2, backoff: { initialMs: 60_000, jitter: "none" } },
    })
    const done = Array.fromAsync(retried)
    await clock.advance(10)
    expect(attempts).toBe(100)
    expect(await clock.run(done)).toHaveLength(100)
  })
})
