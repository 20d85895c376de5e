import fc from "fast-check"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { describe, expect, it } from "vitest"
import type { Queued } from "../../src/queue/queued.ts"
import { FairQueue } from "../../src/queue/fair-queue.ts"

interface Waiter extends Queued {
  readonly id: number
  readonly cost: number
  gone: boolean
}

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void

let ids = 0
const waiter = (key: string, options: Partial<Omit<Waiter, "key" | "id">> = {}): Waiter => ({
  id: ids++,
  key,
  priority: 0,
  sinceMs: 0,
  gone: false,
  least: {},
  cost: 1_000,
  ...options,
})

/** Serves the first as the quota does: taken, then charged. */
function serve(queue: FairQueue<Waiter>): Waiter | undefined {
  const next = queue.next(() => "take")
  if (next) queue.charge(next.key, next.cost)
  return next
}

function leave(queue: FairQueue<Waiter>, one: Waiter): void {
  one.gone = true
  queue.left(one)
}

function pushAll(queue: FairQueue<Waiter>, waiters: readonly Waiter[]): readonly Waiter[] {
  for (const one of waiters) queue.push(one)
  return waiters
}

const many = (count: number, key: string, options?: Partial<Omit<Waiter, "key" | "id">>): Waiter[] =>
  Array.from({ length: count }, () => waiter(key, options))

const counts = (served: readonly Waiter[]): Record<string, number> => {
  const byKey: Record<string, number> = {}
  for (const { key, cost } of served) byKey[key] = (byKey[key] ?? 0) + cost
  return byKey
}

const serveMany = (queue: FairQueue<Waiter>, count: number): Waiter[] =>
  Array.from({ length: count }, () => serve(queue)!)

describe("a fair queue", () => {
  it("is first in, first out within a key, large behind small and small behind large", () => {
    const queue = new FairQueue<Waiter>()
    const all = pushAll(
      queue,
      [9, 1, 5, 9, 1].map((cost) => waiter("a", { cost })),
    )
    expect(serveMany(queue, 5)).toEqual(all)
    expect([queue.size, serve(queue)]).toEqual([0, undefined])
  })

  it("takes turns between keys, however long one's queue is", () => {
    const queue = new FairQueue<Waiter>()
    pushAll(queue, [...many(100, "crowd"), ...many(3, "few")])
    expect(
      serveMany(queue, 6)
        .map(({ key }) => key)
        .filter((key) => key === "few"),
    ).toHaveLength(3)
  })

  it("shares by cost, not by count", () => {
    const queue = new FairQueue<Waiter>()
    pushAll(queue, [...many(300, "small", { cost: 100 }), ...many(300, "large", { cost: 1_000 })])
    const { small, large } = counts(serveMany(queue, 220))
    expect(Math.abs(small! - large!)).toBeLessThanOrEqual(1_100)
  })

  it("shares by weight", () => {
    const queue = new FairQueue<Waiter>((key) => (key === "gold" ? 3 : 1))
    pushAll(queue, [...many(300, "gold"), ...many(300, "plain")])
    const { gold, plain } = counts(serveMany(queue, 200))
    expect(gold! / plain!).toBeCloseTo(3, 0)
    expect(gold! + plain!).toBe(200_000)
  })

  it("stays within one call of the ideal share at every moment, while both wait", () => {
    const call = fc.record({ key: fc.constantFrom("a", "b", "c"), cost: fc.integer({ min: 1, max: 500 }) })
    fc.assert(
      fc.property(fc.array(call, { minLength: 10, maxLength: 80 }), (calls) => {
        const queue = new FairQueue<Waiter>()
        pushAll(
          queue,
          calls.map(({ key, cost }) => waiter(key, { cost })),
        )
        const left = { a: 0, b: 0, c: 0 }
        for (const { key } of calls) left[key]++
        const got = { a: 0, b: 0, c: 0 }
        const shared = (["a", "b", "c"] as const).filter((key) => left[key] > 0)
        while (shared.every((key) => left[key] > 0)) {
          const { key, cost } = serve(queue)!
          left[key as "a"]--
          got[key as "a"] += cost
          const shares = shared.map((one) => got[one])
          // Start-time fair queueing: two keys differ by the largest call of each at most.
          expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1_000)
        }
      }),
    )
  })

  it("keeps its turn for a key that asks anew as soon as it is served", () => {
    const queue = new FairQueue<Waiter>()
    pushAll(queue, many(50, "crowd"))
    queue.push(waiter("loop"))
    const served: Waiter[] = []
    for (let i = 0; i < 40; i++) {
      const one = serve(queue)!
      served.push(one)
      if (one.key === "loop") queue.push(waiter("loop"))
    }
    const { crowd, loop } = counts(served)
    expect(Math.abs(crowd! - loop!)).toBeLessThanOrEqual(1_000)
  })

  it("gives a latecomer its share from now on, not what it never asked for", () => {
    const queue = new FairQueue<Waiter>()
    pushAll(queue, many(200, "early"))
    serveMany(queue, 100)
    pushAll(queue, many(200, "late"))
    const { early, late } = counts(serveMany(queue, 40))
    expect(Math.abs(early! - late!)).toBeLessThanOrEqual(1_000)
  })

  describe("priority", () => {
    it("goes first within a key, whoever came earlier", () => {
      const queue = new FairQueue<Waiter>()
      const plain = waiter("a")
      const soon = waiter("a", { priority: 1, sinceMs: 4_999 })
      const late = waiter("a", { priority: 1, sinceMs: 50_001 })
      const urgent = waiter("a", { priority: 3, sinceMs: 60_000 })
      const background = waiter("a", { priority: -1, sinceMs: 0 })
      pushAll(queue, [background, plain, soon, late, urgent])
      expect([...queue]).toEqual([urgent, soon, late, plain, background])
      expect(serveMany(queue, 5)).toEqual([urgent, soon, late, plain, background])
    })

    it("goes first across keys, and is fair inside each priority", () => {
      const queue = new FairQueue<Waiter>()
      pushAll(queue, [...many(100, "plain"), ...many(20, "x", { priority: 2 }), ...many(20, "y", { priority: 2 })])
      const keys = serveMany(queue, 40).map(({ key }) => key)
      expect(keys).not.toContain("plain")
      expect(keys.slice(0, 20).filter((key) => key === "x")).toHaveLength(10)
    })

    it("starves nobody: under a stream of urgent calls one in 64 is whoever has waited longest", () => {
      const queue = new FairQueue<Waiter>()
      pushAll(queue, [waiter("a"), waiter("a", { priority: -5, sinceMs: 1 })])
      const served: number[] = []
      for (let nowMs = 2; nowMs < 202; nowMs++) {
        queue.push(waiter("a", { priority: 2, sinceMs: nowMs }))
        if (serve(queue)!.priority !== 2) served.push(nowMs - 1)
      }
      expect(served).toEqual([64, 128])
    })

    it("without end goes first always, also where it is the turn of whoever has waited longest", () => {
      const queue = new FairQueue<Waiter>()
      pushAll(queue, many(1, "old", { sinceMs: -1 }))
      const apart = many(200, "no request", { priority: Infinity })
      pushAll(queue, apart)
      for (const one of apart) expect(serve(queue)).toBe(one)
    })

    it("of minus infinity takes only what is left, also where it is the turn of whoever has waited longest", () => {
      const queue = new FairQueue<Waiter>()
      const [spare] = pushAll(queue, many(1, "a", { priority: -Infinity, sinceMs: -1 }))
      const others = pushAll(queue, many(100, "a", { priority: 1 }))
      expect(queue.lowest).toBe(1)
      for (const one of others) expect(serve(queue)).toBe(one)
      expect(serve(queue)).toBe(spare)
    })

    it("is passed by a lower one that fits, while every higher one only has to wait for what that does not need", () => {
      const queue = new FairQueue<Waiter>()
      const [heavy, light] = pushAll(queue, [waiter("a", { priority: 1 }), waiter("a")])
      expect(queue.next((one) => (one === heavy ? "skip" : "take"))).toBe(light)
      expect(queue.next((one) => (one === heavy ? "stop" : "take"))).toBeUndefined()
      expect(queue.size).toBe(1)
    })
  })

  it("skips those who left, and gives their key's place to nobody", () => {
    const queue = new FairQueue<Waiter>()
    const [a, b, c] = pushAll(queue, many(3, "a")) as [Waiter, Waiter, Waiter]
    const [other] = pushAll(queue, [waiter("b", { sinceMs: 1 })])
    leave(queue, a)
    leave(queue, b)
    expect(queue.size).toBe(2)
    expect([...queue]).toEqual([c, other])
    expect(serveMany(queue, 2)).toEqual([c, other])
    expect([queue.size, serve(queue)]).toEqual([0, undefined])
  })

  it("follows the head when one of higher priority leaves", () => {
    const queue = new FairQueue<Waiter>()
    const urgent = waiter("a", { priority: 9 })
    const [, first] = pushAll(queue, [waiter("b"), waiter("b"), urgent, waiter("a")])
    expect(queue.next(() => "stop")).toBe(undefined)
    leave(queue, urgent)
    const served = serveMany(queue, 3).map(({ key }) => key)
    expect(served.slice(0, 2).toSorted()).toEqual(["a", "b"])
    expect(first!.gone).toBe(false)
  })

  it("lets one key pass another that is blocked, and stops where it is told", () => {
    const queue = new FairQueue<Waiter>()
    const [blocked, behind, free] = pushAll(queue, [waiter("a"), waiter("a"), waiter("b")])
    const asked: Waiter[] = []
    const pass = queue.next((one) => {
      asked.push(one)
      return one.key === "a" ? "skip" : "take"
    })
    expect([pass, asked]).toEqual([free, [blocked, free]])
    expect(queue.next(() => "stop")).toBe(undefined)
    expect(queue.next(() => "skip")).toBe(undefined)
    expect(serveMany(queue, 2)).toEqual([blocked, behind])
  })

  it("holds as many as wait: who left behind a blocked head is let go", async () => {
    const queue = new FairQueue<Waiter>()
    queue.push(waiter("a"))
    const refs: WeakRef<Waiter>[] = []
    for (let i = 0; i < 5_000; i++) {
      const one = waiter("a")
      refs.push(new WeakRef(one))
      queue.push(one)
      leave(queue, one)
    }
    // A WeakRef keeps what it was asked of alive until the turn ends.
    await new Promise((resolve) => setImmediate(resolve))
    collectGarbage()
    expect(refs.filter((ref) => ref.deref()).length).toBeLessThan(200)
    expect(serve(queue)?.gone).toBe(false)
  })

  for (const [name, crowd] of [
    ["one call at a time", 0],
    ["behind a crowd", 100_000],
  ] as const) {
    it(`forgets keys that are idle: ${name}`, () => {
      const queue = new FairQueue<Waiter>()
      pushAll(queue, many(crowd, "crowd"))
      const one = (key: string): void => {
        queue.push(waiter(key))
        serve(queue)
        if (crowd > 0) serve(queue)
      }
      one("warm up")
      collectGarbage()
      const before = process.memoryUsage().heapUsed
      for (let i = 0; i < 40_000; i++) one(`key ${i}`)
      collectGarbage()
      const grownMb = (process.memoryUsage().heapUsed - before) / 2 ** 20
      expect(grownMb).toBeLessThan(3)
      expect(queue.size).toBe(Math.max(0, crowd - 40_001))
    })
  }

  it("serves each that stays exactly once, in the order of its key, after any pushes and leavings", () => {
    const action = fc.record({
      kind: fc.constantFrom("push", "push", "push", "serve", "leave", "none fits"),
      key: fc.constantFrom("a", "b", "c", "d"),
      priority: fc.integer({ min: 0, max: 2 }),
      // Keys that were served as much as each other take turns, too.
      cost: fc.oneof(fc.constant(1_000), fc.integer({ min: 1, max: 5_000 })),
      pick: fc.nat(),
    })
    fc.assert(
      fc.property(fc.array(action, { maxLength: 150 }), (actions) => {
        const queue = new FairQueue<Waiter>()
        const waiting: Waiter[] = []
        const served: Waiter[] = []
        const take = (): void => {
          // Whose turn it is said to be, and whose it is.
          const [said] = queue
          let asked: Waiter | undefined
          queue.next((first) => ((asked ??= first), "stop"))
          expect(said).toBe(asked)
          const one = serve(queue)
          expect(one).toBe(said)
          expect(one === undefined).toBe(waiting.length === 0)
          if (!one) return
          waiting.splice(waiting.indexOf(one), 1)
          served.push(one)
        }
        actions.forEach(({ kind, key, priority, cost, pick }, nowMs) => {
          if (kind === "push") {
            const one = waiter(key, { priority, cost, sinceMs: nowMs })
            waiting.push(one)
            queue.push(one)
          } else if (kind === "serve") take()
          else if (kind === "none fits") {
            const order = [...queue]
            queue.next(() => "skip")
            expect([...queue]).toEqual(order)
          } else if (waiting.length > 0) leave(queue, waiting.splice(pick % waiting.length, 1)[0]!)
          expect(queue.size).toBe(waiting.length)
          expect(new Set(queue)).toEqual(new Set(waiting))
        })
        while (waiting.length > 0) take()
        expect(new Set(served).size).toBe(served.length)
        expect(served.some((one) => one.gone)).toBe(false)
        for (const key of ["a", "b", "c", "d"]) {
          for (const priority of [0, 1, 2]) {
            const line = served.filter((one) => one.key === key && one.priority === priority).map(({ id }) => id)
            expect(line).toEqual(line.toSorted((a, b) => a - b))
          }
        }
      }),
    )
  })
})
