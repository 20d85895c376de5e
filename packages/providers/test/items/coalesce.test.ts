import { createDefine, currentScope } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import { createQuota, parallelExecutor } from "@sluice/scheduler"
import { describe, expect, it } from "vitest"
import { coalesce, type CoalesceOptions } from "../../src/index.ts"

function grouped(over: Partial<CoalesceOptions<string, string, string>> = {}): {
  clock: VirtualClock
  sent: string[][]
  upper: ReturnType<typeof coalesce<string, string, string>>
} {
  const clock = new VirtualClock()
  const sent: string[][] = []
  const upper = coalesce<string, string, string>({
    maxItems: 3,
    maxWaitMs: 50,
    clock,
    pack: async (words) => {
      sent.push([...words])
      return words.join("\n").toUpperCase()
    },
    unpack: (answer) => answer.split("\n"),
    ...over,
  })
  return { clock, sent, upper }
}

describe("coalesce", () => {
  it("groups up to maxItems, the rest after maxWaitMs; each item gets its own result", async () => {
    const { clock, sent, upper } = grouped()
    const results = await clock.run(Promise.all(["a", "b", "c", "d"].map((word) => upper(word))))
    expect(results).toEqual(["A", "B", "C", "D"])
    expect(sent).toEqual([["a", "b", "c"], ["d"]])
    expect(clock.now()).toBe(50)
  })

  it("keeps a request under maxTokens", async () => {
    const { clock, sent, upper } = grouped({ maxItems: 100, maxTokens: 10, tokens: (word) => word.length })
    await clock.run(Promise.all(["aaaa", "bbbb", "cccc", "dddddddddddd"].map((word) => upper(word))))
    expect(sent).toEqual([["aaaa", "bbbb"], ["cccc"], ["dddddddddddd"]])
  })

  it("sends only what came back missing again, alone", async () => {
    const { clock, sent, upper } = grouped({
      unpack: (answer, items) =>
        answer.split("\n").map((part) => (part === "B" && items.length > 1 ? undefined : part)),
    })
    expect(await clock.run(Promise.all(["a", "b", "c"].map((word) => upper(word))))).toEqual(["A", "B", "C"])
    expect(sent).toEqual([["a", "b", "c"], ["b"]])
  })

  it.each([
    ["too few parts", () => ["A"]],
    [
      "nothing to take apart",
      () => {
        throw new Error("no JSON")
      },
    ],
  ])("%s: every item again, alone, and no result at the wrong item", async (_name, broken) => {
    const { clock, sent, upper } = grouped({ unpack: (answer, items) => (items.length > 1 ? broken() : [answer]) })
    expect(await clock.run(Promise.all(["a", "b", "c"].map((word) => upper(word))))).toEqual(["A", "B", "C"])
    expect(sent).toEqual([["a", "b", "c"], ["a"], ["b"], ["c"]])
  })

  it("an item that stays without a result fails, once, alone", async () => {
    const { clock, sent, upper } = grouped({
      unpack: (answer) => answer.split("\n").map((part) => (part === "B" ? undefined : part)),
    })
    const outcomes = await clock.run(Promise.allSettled(["a", "b", "c"].map((word) => upper(word))))
    expect(outcomes.map((one) => one.status)).toEqual(["fulfilled", "rejected", "fulfilled"])
    expect(sent).toEqual([["a", "b", "c"], ["b"]])
  })

  it("an error of the request is the error of each of its items", async () => {
    const down = new Error("down")
    const { clock, upper } = grouped({ pack: () => Promise.reject(down) })
    const outcomes = await clock.run(Promise.allSettled(["a", "b", "c"].map((word) => upper(word))))
    expect(outcomes.map((one) => one.status === "rejected" && one.reason)).toEqual([down, down, down])
  })

  it("an aborted item leaves at once, the others stay; the request is aborted when all have left", async () => {
    const clock = new VirtualClock()
    let aborted: unknown
    const upper = coalesce<string, string, string>({
      maxItems: 2,
      clock,
      pack: (words, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => (aborted = signal.reason))
          clock.setTimer(1000, () => resolve(words.join("\n").toUpperCase()))
        }),
      unpack: (answer) => answer.split("\n"),
    })
    const [first, second] = [new AbortController(), new AbortController()]
    const calls = [upper("a", { signal: first.signal }), upper("b", { signal: second.signal })].map((call) =>
      call.catch((error: unknown) => error),
    )
    first.abort("gone")
    expect(await calls[0]).toBe("gone")
    expect(aborted).toBeUndefined()
    second.abort("gone too")
    expect(await calls[1]).toBe("gone too")
    expect(aborted).toMatchObject({ name: "AbortError" })
    const alone = upper("c", { signal: AbortSignal.abort("before") }).catch((error: unknown) => error)
    expect(await alone).toBe("before")
  })

  it("refuses options that cannot be", () => {
    expect(() => grouped({ maxItems: 0 })).toThrow("maxItems must be a whole number of at least 1 (got 0)")
  })
})

describe("coalesce as the exec of a batch", () => {
  const random = { next: () => 0.5 }
  const defineOn = (clock: VirtualClock): ReturnType<typeof createDefine> =>
    createDefine({ clock, random, executor: parallelExecutor(clock, random) })

  it("fills its groups with auto concurrency, whatever waits for the quota, and bounds nothing that holds a permit", async () => {
    const clock = new VirtualClock()
    const quota = createQuota({ clock, random, concurrency: 100 })
    const sizes: number[] = []
    let [inFlight, most] = [0, 0]
    const { batch } = defineOn(clock)<{ results: number[] }>()
    const doubled = coalesce({
      maxItems: 20,
      clock,
      pack: async (items: readonly number[]) => {
        const permit = await quota.admit({})
        sizes.push(items.length)
        most = Math.max(most, ++inFlight)
        await new Promise<void>((resolve) => void clock.setTimer(1000, resolve))
        inFlight--
        permit.settle({ outcome: "success" })
        return items.map((item) => item * 2)
      },
      unpack: (answer) => answer,
    })
    const node = batch({
      name: "doubled",
      prep: () => Array.from({ length: 5_000 }, (_, i) => i),
      exec: doubled,
      post: (shared, _items, results) => void (shared.results = results),
    })
    const shared: { results: number[] } = { results: [] }
    await clock.run(node.run(shared))
    expect(shared.results).toEqual(Array.from({ length: 5_000 }, (_, i) => i * 2))
    expect(sizes).toHaveLength(250)
    // 2,000 items hold a permit in 100 groups: more than the thousand that may rest.
    expect(most).toBe(100)
    expect(clock.now()).toBeLessThan(3100)
  })

  it("one item's time-out does not end the request of the others", async () => {
    const clock = new VirtualClock()
    const aborted: unknown[] = []
    const { batch } = defineOn(clock)<{ statuses: string[] }>()
    const upper = coalesce({
      maxItems: 2,
      clock,
      pack: (words: readonly string[], { signal }) =>
        new Promise<string[]>((resolve) => {
          expect(currentScope()?.signal).toBe(signal)
          signal.addEventListener("abort", () => aborted.push(signal.reason))
          clock.setTimer(1000, () => resolve(words.map((word) => word.toUpperCase())))
        }),
      unpack: (answer) => answer,
    })
    const node = batch({
      name: "upper",
      prep: () => ["a", "b"],
      exec: (word: string, { signal, index }) =>
        upper(word, { signal: index === 1 ? AbortSignal.any([signal, abortedAt(clock, 500)]) : signal }),
      onError: "collect",
      post: (shared, _items, outcomes) => void (shared.statuses = outcomes.map((one) => one.status)),
    })
    const shared: { statuses: string[] } = { statuses: [] }
    await clock.run(node.run(shared))
    expect(shared.statuses).toEqual(["ok", "failed"])
    expect(aborted).toEqual([])
  })

  it("sends a group that is refused for its content again in halves, until the bad item is alone", async () => {
    const { clock, sent, upper } = grouped({
      maxItems: 4,
      pack: async (words) => {
        sent.push([...words])
        if (words.includes("b")) throw Object.assign(new Error("bad"), { statusCode: 413 })
        return words.join("\n").toUpperCase()
      },
    })
    const outcomes = await clock.run(Promise.allSettled(["a", "b", "c", "d"].map((word) => upper(word))))
    expect(outcomes.map((one) => one.status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"])
    expect(sent).toEqual([["a", "b", "c", "d"], ["a", "b"], ["c", "d"], ["a"], ["b"]])
  })
})

function abortedAt(clock: VirtualClock, delayMs: number): AbortSignal {
  const controller = new AbortController()
  clock.setTimer(delayMs, () => controller.abort(new Error("too slow")))
  return controller.signal
}
