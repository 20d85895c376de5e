import { mapAll, parallelMap, semaphore } from "@sluice/scheduler"
import { describe, expect, expectTypeOf, it } from "vitest"

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe("mapAll", () => {
  it("answers an array with the values in input order, whatever ends first", async () => {
    const values = await mapAll([3, 1, 2], async (n) => {
      for (let left = n * 3; left > 0; left--) await tick()
      return `${n}`
    })
    expectTypeOf(values).toEqualTypeOf<string[]>()
    expect(values).toEqual(["3", "1", "2"])
  })

  it("takes iterables, async iterables and nothing at all", async () => {
    async function* source(): AsyncGenerator<number> {
      yield* [1, 2]
    }
    expect(await mapAll(new Set([1, 2]), (n) => n * 2)).toEqual([2, 4])
    expect(await mapAll(source(), (n) => n * 2)).toEqual([2, 4])
    expect(await mapAll([], (n: number) => n)).toEqual([])
  })

  it.each([
    ["a string", "abc"],
    ["a number", 5],
    ["nothing", null],
    ["an object", {}],
  ])("refuses %s in words", (_what, items) => {
    const wrong = items as unknown as number[]
    expect(() => mapAll(wrong, (n) => n)).toThrow(
      /^mapAll: items must be an array, an iterable or an async iterable \(got /,
    )
    expect(() => parallelMap(wrong, (n) => n)).toThrow(
      /^parallelMap: source must be an array, an iterable or an async iterable \(got /,
    )
  })

  it("keeps undefined among its values", async () => {
    expect(await mapAll([1, 2], () => undefined)).toEqual([undefined, undefined])
  })

  it("stops at the first failure: nothing more starts, and what runs has ended when it rejects", async () => {
    const reason = new Error("no")
    const started: number[] = []
    let running = 0
    const mapping = mapAll(
      [0, 1, 2, 3, 4, 5],
      async (n, { signal }) => {
        started.push(n)
        running++
        try {
          await tick()
          if (n === 1) throw reason
          while (!signal.aborted) await tick()
          signal.throwIfAborted()
          return n
        } finally {
          running--
        }
      },
      { concurrency: 3 },
    )
    const error: unknown = await mapping.catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: "item-failed", cause: reason })
    expect(started).toEqual([0, 1, 2])
    expect(running).toBe(0)
  })

  it("tries an item again, bounds concurrency, and asks a limiter, as parallelMap does", async () => {
    let most = 0
    let running = 0
    const tries = new Map<number, number>()
    const options = { limiter: semaphore({ limit: 2 }), retry: { maxAttempts: 2, backoff: { initialMs: 0 } } }
    const values = await mapAll(
      [1, 2, 3, 4],
      async (n) => {
        most = Math.max(most, ++running)
        await tick()
        running--
        tries.set(n, (tries.get(n) ?? 0) + 1)
        if (n === 2 && tries.get(n) === 1) throw new Error("busy")
        return n
      },
      options,
    )
    expect(values).toEqual([1, 2, 3, 4])
    expect(most).toBe(2)
    expect(tries.get(2)).toBe(2)
  })

  it("rejects with the reason of its signal, untouched", async () => {
    const controller = new AbortController()
    const reason = new Error("enough")
    const mapping = mapAll(
      [1, 2, 3],
      async (_n, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error))
          controller.abort(reason)
        }),
      { signal: controller.signal, concurrency: 1 },
    )
    await expect(mapping).rejects.toBe(reason)
  })

  it("refuses what would make it something else", () => {
    // @ts-expect-error -- the first failure stops it; parallelMap collects
    expect(() => mapAll([1], (n) => n, { onError: "collect" })).toThrow('mapAll: unknown option "onError"')
    // @ts-expect-error -- values come in input order
    expect(() => mapAll([1], (n) => n, { order: "completion" })).toThrow('mapAll: unknown option "order"')
    // @ts-expect-error -- misspelt
    expect(() => mapAll([1], (n) => n, { concurency: 2 })).toThrow('Did you mean "concurrency"?')
  })
})

describe("values() of parallelMap", () => {
  it("streams values instead of outcomes", async () => {
    const values: number[] = []
    for await (const value of parallelMap([1, 2, 3], async (n) => n * 10).values()) values.push(value)
    expect(values).toEqual([10, 20, 30])
  })

  it("comes in the order that was asked for", async () => {
    const waits = [3, 1]
    const map = parallelMap(
      [0, 1],
      async (n) => {
        for (let left = waits[n]! * 3; left > 0; left--) await tick()
        return n
      },
      { order: "completion" },
    )
    expect(await Array.fromAsync(map.values())).toEqual([1, 0])
  })

  it("loses no failure where failures are collected: it throws the error, and the work ends", async () => {
    let closed = false
    function* source(): Generator<number> {
      try {
        for (let n = 0; ; n++) yield n
      } finally {
        closed = true
      }
    }
    const reason = new Error("no")
    const map = parallelMap(source(), async (n) => (n === 2 ? Promise.reject(reason) : n), {
      onError: "collect",
      concurrency: 1,
    })
    const values: number[] = []
    const taking = (async () => {
      for await (const value of map.values()) values.push(value)
    })()
    await expect(taking).rejects.toBe(reason)
    expect(values).toEqual([0, 1])
    expect(closed).toBe(true)
  })

  it("ends the work when the loop is left", async () => {
    let closed = false
    function* source(): Generator<number> {
      try {
        for (let n = 0; ; n++) yield n
      } finally {
        closed = true
      }
    }
    for await (const value of parallelMap(source(), async (n) => n, { concurrency: 2 }).values()) if (value === 3) break
    expect(closed).toBe(true)
  })
})
