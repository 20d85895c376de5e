import { VirtualClock } from "@sluice/lab"
import { describe, expect, it } from "vitest"
import { coalesce, type CoalesceOptions } from "../src/index.ts"

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
    expect(() => grouped({ maxItems: 0 })).toThrow("maxItems must be a whole number from 1 up, got 0")
  })
})
