import { describe, expect, it } from "vitest"
import { type Kit, kits, runBoth, runWith, sleep } from "./kit.ts"

interface Spec {
  readonly items: readonly number[]
  readonly maxRetries: number
  readonly wait?: number
  /** How often each item fails before it succeeds. */
  readonly failures: (item: number) => number
  readonly fallback?: boolean
}

/** A parallel batch; answers results, and each item's `currentRetry` before and after a pause in every attempt. */
function program({ items, maxRetries, wait, failures, fallback }: Spec) {
  return async (kit: Kit) => {
    const tries = new Map<number, number[]>()
    class Work extends kit.ParallelBatchNode<{ results?: unknown }> {
      override async prep(): Promise<readonly number[]> {
        return items
      }
      override async exec(item: number): Promise<number> {
        const seen = tries.get(item) ?? []
        tries.set(item, seen)
        await sleep(item)
        seen.push(this.currentRetry)
        if (seen.length <= failures(item)) throw new Error(`item ${item}`)
        return item * 10
      }
      override async execFallback(item: number, error: Error): Promise<unknown> {
        if (!fallback) throw error
        return `${item} after ${this.currentRetry}: ${error.message}`
      }
      override async post(shared: { results?: unknown }, _: unknown, results: unknown): Promise<undefined> {
        shared.results = results
      }
    }
    const shared: { results?: unknown } = {}
    await new Work(maxRetries, wait).run(shared)
    return { results: shared.results, tries: Object.fromEntries(tries) }
  }
}

describe("attempts of a parallel batch belong to the item", () => {
  const four = { items: [1, 2, 3, 4], maxRetries: 2, failures: () => 1 }
  const right = { results: [10, 20, 30, 40], tries: { 1: [0, 1], 2: [0, 1], 3: [0, 1], 4: [0, 1] } }

  it("four items that fail once, two attempts, a wait: four results (theirs: one)", async () => {
    const { theirs, ours } = await runBoth(program({ ...four, wait: 1 }))
    expect(ours.value).toEqual(right)
    expect(theirs.value).toMatchObject({ results: [10, undefined, undefined, undefined] })
  })

  it("the same without a wait: four results (theirs: an error, though every item has an attempt left)", async () => {
    const { theirs, ours } = await runBoth(program(four))
    expect(ours.value).toEqual(right)
    expect(theirs.thrown).toEqual(new Error("item 2"))
  })

  it("ten items that always fail, three attempts, a wait: an error after three attempts each (theirs: ten undefined)", async () => {
    const spec = { items: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], maxRetries: 3, wait: 1 }
    const { theirs, ours } = await runBoth(program({ ...spec, failures: () => Infinity }))
    expect(ours.thrown).toEqual(new Error("item 0"))
    expect(theirs.thrown).toBeUndefined()
    const { results, tries } = theirs.value as { results: unknown[]; tries: Record<string, number[]> }
    expect(results).toEqual(Array.from({ length: 10 }))
    expect(Object.values(tries).filter((each) => each.length === 1)).toHaveLength(8)
  })

  it("the same with a fallback: ten fallbacks, each after its own three attempts", async () => {
    const spec = { items: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], maxRetries: 3, wait: 1, fallback: true }
    const { ours } = await runBoth(program({ ...spec, failures: () => Infinity }))
    expect(ours.value).toEqual({
      results: spec.items.map((item) => `${item} after 2: item ${item}`),
      tries: Object.fromEntries(spec.items.map((item) => [item, [0, 1, 2]])),
    })
  })

  it("mixed outcomes with waits: every item has its result or its fallback", async () => {
    const items = Array.from({ length: 40 }, (_, index) => index)
    const spec = { items, maxRetries: 4, wait: 0.5, fallback: true, failures: (item: number) => item % 6 }
    const { value } = await runWith(kits.ours, program(spec))
    expect(value).toEqual({
      results: items.map((item) => (item % 6 < 4 ? item * 10 : `${item} after 3: item ${item}`)),
      tries: Object.fromEntries(items.map((item) => [item, [0, 1, 2, 3].slice(0, (item % 6) + 1)])),
    })
  })

  it("a wait is as long as asked, in seconds, after each attempt but the last", async () => {
    const spec = { items: [0], maxRetries: 3, wait: 2, failures: () => 3 }
    const { theirs, ours } = await runBoth(program(spec))
    expect(ours.thrown).toEqual(theirs.thrown)
    expect(theirs.tookMs).toBe(4_000)
    expect(ours.tookMs).toBeGreaterThanOrEqual(4_000)
    expect(ours.tookMs).toBeLessThan(4_020)
  })
})

describe("runs of one node object", () => {
  it("at the same time keep their results and attempts apart", async () => {
    const { value } = await runWith(kits.ours, async (kit) => {
      class Twice extends kit.Node<{ n: number; out?: string }> {
        override async prep(shared: { n: number }): Promise<number> {
          return shared.n
        }
        override async exec(n: number): Promise<string> {
          const before = this.currentRetry
          await sleep(10 - n)
          if (before === 0) throw new Error("once")
          return `${n}: ${before} ${this.currentRetry}`
        }
        override async post(shared: { out?: string }, _: unknown, out: string): Promise<undefined> {
          shared.out = out
        }
      }
      const node = new Twice(2)
      const runs = [1, 2, 3].map((n): { n: number; out?: string } => ({ n }))
      await Promise.all(runs.map((shared) => node.run(shared)))
      return runs.map(({ out }) => out)
    })
    expect(value).toEqual(["1: 1 1", "2: 1 1", "3: 1 1"])
  })

  it("currentRetry after a run is that of its last attempt, and may be set", async () => {
    const { theirs, ours } = await runBoth(async (kit) => {
      class Flaky extends kit.Node {
        readonly seen: number[] = []
        override async exec(): Promise<void> {
          if (this.currentRetry < 2) throw new Error("busy")
        }
        override async post(): Promise<undefined> {
          this.seen.push(this.currentRetry)
        }
      }
      const node = new Flaky(5)
      const before = node.currentRetry
      await node.run({})
      const after = node.currentRetry
      node.currentRetry = 7
      return [before, node.seen, after, node.currentRetry, node.clone().currentRetry]
    })
    expect(ours.value).toEqual([0, [2], 2, 7, 7])
    expect(theirs.value).toEqual(ours.value)
  })
})
