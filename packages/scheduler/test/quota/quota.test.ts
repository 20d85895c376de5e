import { type Permit, runInScope, type SluiceEvent, SluiceError, type TaskScope } from "@sluice/core"
import { awakeQuota, seededRandom, VirtualClock } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import { adaptive, parallelMap, type Quota, type QuotaOptions } from "../../src/index.ts"

function setUp(options: QuotaOptions = {}): { clock: VirtualClock; quota: Quota; events: SluiceEvent[] } {
  const clock = new VirtualClock({ startMs: 1_000 })
  const events: SluiceEvent[] = []
  const quota = awakeQuota({ clock, random: seededRandom(1), onEvent: (event) => events.push(event), ...options })
  return { clock, quota, events }
}

const bucket = (limit: number, burst = limit): { limit: number; kind: "bucket"; burst: number } => ({
  limit,
  kind: "bucket",
  burst,
})

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!SluiceError.isInstance(error)) throw new Error(`expected a SluiceError, got ${String(error)}`)
  return error.code
}

const scope = (site: string, parent?: TaskScope): TaskScope => ({ parent, site, waiting: 0, holding: 0 })

describe("options", () => {
  it.each([
    [{ requestsPerMinute: 0 }, "createQuota: requestsPerMinute must be a number above 0 (got 0)."],
    [
      { requestsPerMinute: 0.5 },
      "createQuota: requestsPerMinute must be at least 1: one call in two minutes is { limit: 1, windowMs: 120_000 } (got 0.5).",
    ],
    [{ requestsPerDay: { limit: 0.1 } }, "createQuota: requestsPerDay.limit must be at least 1"],
    [{ tokensPerMinute: "5" }, 'createQuota: tokensPerMinute must be a number above 0 (got "5").'],
    [{ requestPerMinute: 5 }, 'createQuota: unknown option "requestPerMinute". Did you mean "requestsPerMinute"?'],
    [{ concurrency: 1.5 }, "createQuota: concurrency must be"],
    [
      { requestsPerMinute: { limit: 5, kind: "leaky" } },
      'createQuota: requestsPerMinute.kind must be "bucket", "sliding" or "fixed" (got "leaky").',
    ],
  ])("%j says path, wanted and got", (options, message) => {
    expect(() => awakeQuota(options as never)).toThrow(message)
  })
})

describe("headers that name no window", () => {
  const hear = async (told: QuotaOptions, limit: number): Promise<readonly string[]> => {
    const { quota } = setUp(told)
    const permit = await quota.admit()
    permit.settle({ outcome: "success", limits: [{ dimension: "requests", limit, remaining: limit - 1 }] })
    return quota.snapshot().limits.map(({ name }) => name)
  }

  it("mean a minute", async () => {
    expect(await hear({ requestsPerMinute: 100 }, 50)).toEqual(["requestsPerMinute"])
    expect(await hear({ requestsPerSecond: 5 }, 100)).toEqual(["requestsPerSecond", "requests per minute"])
  })

  it("mean the window that the user told with the same number", async () => {
    const told = { requestsPerMinute: { limit: 100, windowMs: 10_000, kind: "sliding" } } as const
    expect(await hear(told, 100)).toEqual(["requestsPerMinute"])
  })
})

describe("waiting", () => {
  it("hands a slot to the next in line in the same tick, so that no newcomer takes it", async () => {
    const { quota } = setUp({ concurrency: 1 })
    const first = await quota.admit()
    const order: string[] = []
    const second = quota.admit().then((permit) => (order.push("second"), permit))
    first.settle({ outcome: "success" })
    const third = quota.admit().then((permit) => (order.push("third"), permit))
    expect(quota.tryAdmit()).toBeUndefined()
    ;(await second).settle({ outcome: "success" })
    ;(await third).settle({ outcome: "success" })
    expect(order).toEqual(["second", "third"])
  })

  it("lets a crowd go a few dozen a turn, so that refusals are read between them", async () => {
    const { clock, quota } = setUp({ concurrency: 1 })
    const first = await quota.admit()
    let admitted = 0
    const crowd = Array.from({ length: 100 }, async () => {
      await quota.admit()
      admitted++
    })
    quota.retune({ concurrency: 1_000 })
    first.settle({ outcome: "success" })
    await Promise.resolve()
    await Promise.resolve()
    expect(admitted).toBeLessThanOrEqual(64)
    await clock.run(Promise.all(crowd))
    expect([admitted, clock.now()]).toEqual([100, 1_000])
  })

  it("ends at once with signal.reason, untouched, and leaves no listener, timer or place behind", async () => {
    const { clock, quota } = setUp({ requestsPerMinute: bucket(60, 1) })
    await quota.admit()
    const controller = new AbortController()
    const waiters = Array.from({ length: 1_000 }, () => quota.admit({}, { signal: controller.signal }))
    const reason = new Error("enough")
    controller.abort(reason)
    const ends = await Promise.allSettled(waiters)
    expect(ends.every((end) => end.status === "rejected" && end.reason === reason)).toBe(true)
    expect([quota.snapshot().waiting, clock.pending]).toEqual([0, 0])
    await expect(quota.admit({}, { signal: controller.signal })).rejects.toBe(reason)
  })

  it("is cancelled with the item that made the call, without plumbing, and counts in its scope", async () => {
    const { quota } = setUp({ concurrency: 1 })
    const controller = new AbortController()
    const item: TaskScope = { ...scope("digest/summarise[3]"), signal: controller.signal }
    const held = await quota.admit()
    const waiting = runInScope(item, () => quota.admit())
    expect([item.waiting, item.holding]).toEqual([1, 0])
    expect(quota.explain()).toMatchObject([{ site: "digest/summarise[3]", blockedBy: "concurrency", ahead: 0 }])
    controller.abort(new Error("cancelled"))
    await expect(waiting).rejects.toThrow("cancelled")
    expect([item.waiting, item.holding]).toEqual([0, 0])
    held.settle({ outcome: "success" })
    const other = scope("other")
    const permit = await runInScope(other, () => quota.admit())
    expect(other.holding).toBe(1)
    permit.settle({ outcome: "success" })
    permit.settle({ outcome: "success" })
    expect(other.holding).toBe(0)
  })

  it("has a bounded queue", async () => {
    const { quota } = setUp({ concurrency: 1, maxQueue: 2 })
    await quota.admit()
    const waiters = [quota.admit(), quota.admit()]
    expect(await codeOf(quota.admit())).toBe("queue-full")
    const closing = quota.close({ reject: true })
    expect(await Promise.all(waiters.map(codeOf))).toEqual(["limiter-closed", "limiter-closed"])
    void closing
  })

  it("ends when its deadline passes, saying what blocked it", async () => {
    const { clock, quota } = setUp({ concurrency: 1 })
    await quota.admit()
    const waiting = quota.admit({}, { maxWaitMs: 5_000 })
    const ended = expect(waiting).rejects.toThrow(/deadline of 5 s; blocked by concurrency/)
    await clock.advance(5_000)
    await ended
    expect(clock.pending).toBe(0)
  })

  it("is not barred by a call that waits for a limit it does not use", async () => {
    const { quota } = setUp({ outputTokensPerMinute: bucket(600, 100), requestsPerMinute: bucket(6_000) })
    await quota.admit({ outputTokens: 100 }, { tenant: "chat" })
    const blocked = quota.admit({ outputTokens: 100 }, { tenant: "chat" })
    await quota.admit({ inputTokens: 50 }, { tenant: "embeddings" })
    expect(quota.snapshot().waiting).toBe(1)
    void blocked.catch(() => undefined)
    void quota.close({ reject: true })
  })

  it("lets a higher priority go first, however long a lower one has waited, and starves nobody", async () => {
    const { clock, quota } = setUp({ requestsPerMinute: bucket(60, 1) })
    await quota.admit()
    const order: string[] = []
    const ask = async (name: string, priority: number): Promise<void> => {
      await quota.admit({}, { priority })
      order.push(name)
    }
    const old = ask("low, early", 0)
    const crowd: Promise<void>[] = []
    for (let i = 0; i < 100; i++) {
      crowd.push(ask("high", 1))
      await clock.advance(1_000)
    }
    await clock.run(Promise.all([old, ...crowd]))
    // One admission in 64 is whoever has waited longest.
    expect(order.indexOf("low, early")).toBe(63)
  })
})

describe("nesting", () => {
  it("fails at once, naming both sites, when a task waits for the place that it holds itself", async () => {
    const { quota } = setUp({ concurrency: 1 })
    const outcomes = parallelMap([0], async () => (await quota.admit()).settle({ outcome: "success" }), {
      limiter: quota,
      onError: "collect",
    })
    for await (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: "failed", error: { code: "limiter-reentry" } })
    }
    expect(quota.snapshot()).toMatchObject({ inFlight: 0, waiting: 0 })
  })
})

describe("totals", () => {
  it("stops before the call that would exceed the dollars, once nothing in flight can give back", async () => {
    const { quota } = setUp({ budgetUsd: 1 })
    const first = await quota.admit({ usd: 0.8 })
    const second = quota.admit({ usd: 0.5 })
    expect(quota.explain()).toMatchObject([
      {
        blockedBy: "budgetUsd",
        advice: expect.stringMatching(
          /may cost \$0\.5000, and \$0\.2000 of budgetUsd is neither spent nor held.*max_tokens/,
        ),
      },
    ])
    first.settle({ outcome: "success", actual: { usd: 0.3 } })
    const permit = await second
    const third = codeOf(quota.admit({ usd: 0.4 }))
    permit.settle({ outcome: "success", actual: { usd: 0.5 } })
    expect(await third).toBe("budget-exhausted")
    expect(await codeOf(quota.admit({ usd: 2 }))).toBe("cost-exceeds-limit")
    ;(await quota.admit({ usd: 0.2 })).settle({ outcome: "success" })
  })

  it("a day's total ends the queue with the time of its reset, or pauses to it", async () => {
    const failing = setUp({ requestsPerDay: 2 })
    await failing.quota.admit()
    await failing.quota.admit()
    await expect(failing.quota.admit()).rejects.toThrow(/day's total is used up, it resets in/)
    expect(failing.clock.pending).toBe(0)
    const pausing = setUp({ requestsPerDay: 2, onExhausted: "pause" })
    await pausing.quota.admit()
    await pausing.quota.admit()
    const startMs = pausing.clock.now()
    await pausing.clock.run(pausing.quota.admit())
    expect(pausing.clock.now() - startMs).toBeGreaterThan(80_000_000)
  })

  it("the vendor's word that the day is over counts as well", async () => {
    const { clock, quota } = setUp({ requestsPerMinute: 60, onExhausted: "pause" })
    const permit = await quota.admit()
    permit.settle({ outcome: "throttled", reason: "daily", retryAfterMs: 7_200_000 })
    const startMs = clock.now()
    await clock.run(quota.admit())
    expect(clock.now() - startMs).toBeGreaterThanOrEqual(7_200_000)
  })

  it("fails at once what a lowered limit can never admit, and lets the rest pass", async () => {
    const { clock, quota } = setUp({ tokensPerMinute: bucket(10_000) })
    const first = await quota.admit({ inputTokens: 9_000 })
    const large = codeOf(quota.admit({ inputTokens: 8_000 }))
    const small = quota.admit({ inputTokens: 100 })
    first.settle({ outcome: "success", limits: [{ dimension: "tokens", limit: 5_000, remaining: 0 }] })
    expect(await large).toBe("cost-exceeds-limit")
    await clock.run(small)
  })
})

describe("a call that is only believed to exceed a limit", () => {
  const limited = (): ReturnType<typeof setUp> => setUp({ tokensPerMinute: bucket(1_000) })
  const believed = { inputTokens: 1_200 }
  const certain = { requests: 1 }

  it("runs alone, once all of the limit is back, and is no reason to refuse it for good", async () => {
    const { clock, quota } = limited()
    const admittedMs: number[] = []
    const call = async (): Promise<void> => {
      const permit = await quota.admit(believed, { certain })
      admittedMs.push(clock.now())
      permit.settle({ outcome: "success", actual: { inputTokens: 960 } })
    }
    await clock.run(Promise.all([call(), call()]))
    expect(admittedMs[0]).toBe(1_000)
    // 960 of 1,000 a minute were used.
    expect(admittedMs[1]! - 1_000).toBeGreaterThan(56_000)
    expect(admittedMs[1]! - 1_000).toBeLessThan(61_000)
  })

  it("is refused at once where what is certain exceeds it too", async () => {
    const { clock, quota } = limited()
    expect(await codeOf(quota.admit(believed, { certain: { outputTokens: 1_001 } }))).toBe("cost-exceeds-limit")
    expect(await codeOf(quota.admit(believed))).toBe("cost-exceeds-limit")
    expect([clock.now(), clock.pending]).toEqual([1_000, 0])
  })
})

describe("life of a quota", () => {
  it("retunes at the next admission, and nothing stops", async () => {
    const { clock, quota } = setUp({ requestsPerMinute: bucket(60, 1) })
    await quota.admit()
    const crowd = Promise.all(Array.from({ length: 100 }, () => quota.admit()))
    await clock.advance(1_000)
    quota.retune({ requestsPerMinute: 6_000 })
    const startMs = clock.now()
    await clock.run(crowd)
    expect(clock.now() - startMs).toBeLessThanOrEqual(1_001)
    expect(() => quota.retune({ concurrency: 0 })).toThrow("quota.retune: concurrency")
  })

  it("drains when closed: what waits is served, what comes is refused", async () => {
    const { clock, quota } = setUp({ concurrency: 1 })
    const first = await quota.admit()
    const second = quota.admit()
    let closed = false
    const closing = quota.close().then(() => (closed = true))
    expect(await codeOf(quota.admit())).toBe("limiter-closed")
    first.settle({ outcome: "success" })
    const permit = await second
    expect(closed).toBe(false)
    permit.settle({ outcome: "success" })
    await closing
    expect(clock.pending).toBe(0)
    await quota[Symbol.asyncDispose]()
  })

  it("after the money is gone everything is refused until somebody retunes", async () => {
    const { quota } = setUp({ requestsPerMinute: 60 })
    const permit = await quota.admit()
    permit.settle({ outcome: "throttled", message: "no credit left", reason: "billing" })
    await expect(quota.admit()).rejects.toThrow(/billing.*no credit left/)
    expect(quota.tryAdmit()).toBeUndefined()
    quota.retune({ requestsPerMinute: 60 })
    ;(await quota.admit()).settle({ outcome: "success" })
  })

  it("a sink that throws disturbs nothing", async () => {
    const { quota } = setUp({
      concurrency: 1,
      onEvent: () => {
        throw new Error("sink")
      },
    })
    ;(await quota.admit()).settle({ outcome: "success" })
    expect(quota.snapshot().inFlight).toBe(0)
  })

  it("tells the story: wait, admit, settle, throttle, gate, limits", async () => {
    const { clock, quota, events } = setUp({ requestsPerMinute: 600 })
    const [a, b] = await Promise.all([quota.admit(), quota.admit()])
    a.settle({ outcome: "throttled", dimension: "requests", reason: "rate", retryAfterMs: 3_000 })
    b.settle({ outcome: "throttled", dimension: "requests", reason: "rate", retryAfterMs: 3_000 })
    expect(quota.snapshot().gate).toMatchObject({ state: "closed" })
    const next = await clock.run(quota.admit())
    next.settle({ outcome: "success", limits: [{ dimension: "requests", limit: 300, remaining: 299 }] })
    const types = events.map((event) => event.type)
    for (const type of ["permit-wait", "permit-admit", "permit-settle", "throttle", "gate-close", "gate-open"]) {
      expect(types).toContain(type)
    }
    expect(types.filter((type) => type === "gate-close")).toHaveLength(1)
    expect(events.find((event) => event.type === "limit-change" && event.reason.includes("headers"))).toMatchObject({
      dimension: "requestsPerMinute",
      to: 300,
    })
  })

  it("told nothing, it starts slowly and says why each limit changes", async () => {
    const { quota, events } = setUp({ concurrency: adaptive({ initial: 2, max: 8 }) })
    for (let round = 0; round < 4; round++) {
      const permits: Permit[] = []
      for (let permit = quota.tryAdmit(); permit; permit = quota.tryAdmit()) permits.push(permit)
      for (const permit of permits) permit.settle({ outcome: "success" })
    }
    const changes = events.filter((event) => event.type === "limit-change")
    expect(changes[0]).toMatchObject({ dimension: "concurrency", from: 2, to: 3, reason: "slow start" })
    expect(quota.snapshot().limits[0]).toMatchObject({ name: "concurrency", limit: 8 })
  })

  it("asks for nothing more than the user told it, however much the vendor would grant", async () => {
    const { clock, quota } = setUp({ requestsPerMinute: bucket(60, 1) })
    const startMs = clock.now()
    for (let i = 0; i < 30; i++) {
      const permit = await clock.run(quota.admit())
      permit.settle({ outcome: "success", limits: [{ dimension: "requests", limit: 5_000, remaining: 4_990 }] })
    }
    expect(clock.now() - startMs).toBeGreaterThanOrEqual(28_999)
  })
})

describe("a cost that is no cost", () => {
  const kinds = ["bucket", "sliding", "fixed"] as const
  const wrong = [
    { inputTokens: Number.NaN },
    { inputTokens: -1_000 },
    { requests: -1 },
    { usd: Number.NaN },
    // Beside a known amount that is right.
    { inputTokens: 1, usd: -1 },
    { inputTokens: "10" as never, outputTokens: Number.NaN },
  ]

  it.each(kinds.flatMap((kind) => wrong.map((cost) => [kind, cost] as const)))(
    "%s: %j is refused in words, and changes nothing for those behind it",
    async (kind, cost) => {
      const { clock, quota } = setUp({ inputTokensPerMinute: { limit: 10, kind } })
      const before = quota.snapshot()
      await expect(quota.admit(cost)).rejects.toThrow(
        /^quota: cost\.\w+ must be a number from 0 up \(got (NaN|-1|"10")/,
      )
      expect(() => quota.tryAdmit(cost)).toThrow("from 0 up")
      expect(quota.snapshot()).toEqual(before)
      const all = parallelMap([1, 2], async (item) => item, { limiter: quota, cost: () => ({ inputTokens: 10 }) })
      expect(await clock.run(Array.fromAsync(all.values()))).toEqual([1, 2])
      expect(clock.now()).toBeGreaterThanOrEqual(60_000)
    },
  )

  it.each([
    [{ inputTokns: 5 }, 'settle: unknown option "actual.inputTokns". Did you mean "inputTokens"?'],
    [{ inputTokens: 3, usd: Number.NaN }, "settle: actual.usd must be a number from 0 up (got NaN)."],
    [{ inputTokens: -5 }, "settle: actual.inputTokens must be a number from 0 up (got -5)."],
  ])(
    "told as what a call took, %j: the call is settled at its estimate, and its caller hears of it",
    async (actual, message) => {
      const { quota } = setUp({ inputTokensPerMinute: { limit: 10, kind: "fixed" }, budgetUsd: 1, concurrency: 1 })
      const permit = await quota.admit({ inputTokens: 8, usd: 0.5 })
      expect(() => permit.settle({ outcome: "success", actual } as never)).toThrow(message)
      expect(quota.snapshot()).toMatchObject({ inFlight: 0, limits: [{ level: 1 }, { level: 2 }, { level: 0.5 }] })
      permit.settle({ outcome: "success", actual: { inputTokens: 1 } })
      expect(quota.snapshot()).toMatchObject({ limits: [{ level: 1 }, { level: 2 }, { level: 0.5 }] })
    },
  )

  it("of an item is that item's failure: the batch ends", async () => {
    const { clock, quota } = setUp({ inputTokensPerMinute: { limit: 1_000, kind: "sliding" } })
    const texts = ["a", undefined, "c"]
    const cost = (text: string | undefined) => ({ inputTokens: (text?.length as number) * 1 })
    const all = parallelMap(texts, async (text) => text, { limiter: quota, cost, onError: "collect" })
    expect((await clock.run(Array.fromAsync(all))).map(({ status }) => status)).toEqual(["ok", "failed", "ok"])
  })
})
