import {
  currentScope,
  Scope,
  type Executor,
  type ItemOptions,
  type ItemWork,
  type MapOptions,
  type Outcome,
} from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import { getEventListeners } from "node:events"
import { describe, expect, it } from "vitest"
import { parallelExecutor, systemRuntime } from "../../src/runtime/executor.ts"
import { sleep } from "../../src/runtime/sleep.ts"

const half = { next: () => 0.5 }

type Fn<I, O> = ItemWork<I, O>["attempt"]

/** One item by itself. */
async function one<I, O>(
  executor: Executor,
  item: I,
  index: number,
  fn: Fn<I, O>,
  { signal, ...policy }: ItemOptions<I, O> & Pick<MapOptions, "signal"> = {},
): Promise<Outcome<O>> {
  const open: ItemWork<I, O>["open"] = (_item, _at, aborting) => new Scope(currentScope(), index, aborting)
  const options: MapOptions = { concurrency: 1, onError: "collect", ...(signal && { signal }) }
  const [outcome] = await Array.fromAsync(executor.map([item], { open, attempt: fn, policy }, options))
  return outcome!
}

describe("parallelExecutor", () => {
  it("maps in parallel", async () => {
    const clock = new VirtualClock()
    const executor = parallelExecutor(clock, half)
    const map = executor.map([1, 2, 3, 4], { attempt: async (n) => (await sleep(clock, 100), n) }, { concurrency: 4 })
    expect(await clock.run(Array.fromAsync(map))).toHaveLength(4)
    expect(clock.now()).toBe(100)
  })

  it("runs one item to its outcome, with its attempts and its index", async () => {
    const clock = new VirtualClock()
    const executor = parallelExecutor(clock, half)
    const fn = (item: string, { attempt, index }: { attempt: number; index: number }): string => {
      if (attempt < 3) throw new Error("not yet")
      return `${item}${index}`
    }
    const retry = { maxAttempts: 3, backoff: { initialMs: 100 } }
    expect(await clock.run(one(executor, "a", 7, fn, { retry }))).toEqual({
      status: "ok",
      index: 7,
      value: "a7",
      attempts: 3,
    })
    expect(clock.now()).toBe(75 + 150)
    expect(await one(executor, "a", 7, fn, {})).toMatchObject({ status: "failed", index: 7, attempts: 1 })
  })

  it("rejects only for a cancel, with its reason untouched", async () => {
    const executor = parallelExecutor(new VirtualClock(), half)
    const reason = { my: "reason" }
    await expect(one(executor, 1, 0, () => 1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    const fn = (): never => {
      controller.abort(reason)
      throw new Error("because of the abort")
    }
    await expect(one(executor, 1, 0, fn, { signal: controller.signal })).rejects.toBe(reason)
  })

  it("leaves nothing on the signal and the clock, however an attempt ends", async () => {
    const clock = new VirtualClock()
    const executor = parallelExecutor(clock, half)
    const { signal } = new AbortController()
    const options = { signal, timeoutMs: 1_000, retry: { maxAttempts: 2 } }
    const good = one(executor, 1, 0, () => sleep(clock, 10, signal), options)
    const bad = one(executor, 1, 0, () => Promise.reject(new Error("no")), options)
    const late = one(executor, 1, 0, () => new Promise(() => {}), options)
    const outcomes = await clock.run(Promise.all([good, bad, late]))
    expect(outcomes.map((each) => [each.status, each.attempts])).toEqual([
      ["ok", 1],
      ["failed", 2],
      ["failed", 2],
    ])
    expect(getEventListeners(signal, "abort")).toHaveLength(0)
    expect(clock.pending).toBe(0)
  })

  it("comes with the real clock as systemRuntime", async () => {
    const { executor, clock, random } = systemRuntime
    expect(await one(executor, 2, 0, (n) => n * 2, {})).toEqual({ status: "ok", index: 0, value: 4, attempts: 1 })
    expect(clock.wallNow()).toBeGreaterThan(0)
    expect(random.next()).toBeLessThan(1)
  })
})

it("twenty thousand items that are all known do not start each other, ever deeper in the stack", async () => {
  const clock = new VirtualClock()
  const items = Array.from({ length: 20_000 }, (_, index) => index)
  let sum = 0
  const outcomes = parallelExecutor(clock, half).map(
    items,
    {
      attempt: () => -1,
      known: (item, { index }): Outcome<number> => ({ status: "ok", index, value: item, attempts: 1 }),
    },
    { concurrency: 20_000, order: "completion" },
  )
  for await (const outcome of outcomes) if (outcome.status === "ok") sum += outcome.value
  expect(sum).toBe((items.length * (items.length - 1)) / 2)
})
