import type { Limiter, Permit } from "@sluice/core"
import { createQuota } from "@sluice/scheduler"
import { describe, expect, it } from "vitest"
import { testLimiter, type TestFramework } from "../../src/index.ts"
import { failuresOf, namesOf } from "./failures-of.ts"

interface Flaws {
  lifo?: true
  deaf?: true
  late?: true
  endsTwice?: true
  greedy?: true
  generous?: true
  flood?: true
  leaky?: true
  revokes?: true
}

/** A plain semaphore, with faults on demand. */
function semaphore(concurrency: number, flaws: Flaws = {}): Limiter {
  const { lifo, deaf, late, endsTwice, greedy, generous, flood, leaky, revokes } = flaws
  let free = generous ? concurrency + 1 : concurrency
  const waiters: { admit: () => void }[] = []
  const giveBack = (): void => {
    free++
    while ((flood || free > 0) && waiters.length > 0) (lifo ? waiters.pop() : waiters.shift())?.admit()
  }
  const grant = (signal?: AbortSignal): Permit => {
    let open = true
    free--
    const settle = (): void => {
      if (!open && !endsTwice) return
      open = false
      giveBack()
    }
    if (revokes) signal?.addEventListener("abort", settle)
    return { settle }
  }
  return {
    tryAdmit: () => (free > 0 || greedy ? grant() : undefined),
    async admit(_cost, options) {
      const signal = deaf ? undefined : options?.signal
      if (signal?.aborted && !late) throw signal.reason
      if (free > 0) return grant(signal)
      return await new Promise<Permit>((resolve, reject) => {
        const waiter = { admit: () => resolve(grant(signal)) }
        waiters.push(waiter)
        signal?.addEventListener("abort", () => {
          const at = waiters.indexOf(waiter)
          if (at < 0) return
          if (!leaky) waiters.splice(at, 1)
          reject(signal.reason)
        })
      })
    },
  }
}

const flaws: readonly (readonly [Flaws, string])[] = [
  [{ generous: true }, "lets so many run at once and no more"],
  [{ flood: true }, "hands each freed place to one waiter"],
  [{ lifo: true }, "admits in the order of asking"],
  [{ endsTwice: true }, "counts a permit's end once"],
  [{ greedy: true }, "tryAdmit never waits and never exceeds"],
  [{ deaf: true }, "lets a waiter leave at once, with the reason as it was given"],
  [{ late: true }, "admits nobody whose signal is aborted already, and loses no place by it"],
  [{ revokes: true }, "leaves a permit alone when its signal is aborted after admission"],
  [{ leaky: true }, "has every permit back after any mix of ends and aborts"],
]

describe("testLimiter", () => {
  const suiteFor =
    (flaw: Flaws) =>
    (framework: TestFramework): void =>
      testLimiter((count) => semaphore(count, flaw), framework)

  it("passes a right one", async () => {
    expect(await failuresOf(suiteFor({}))).toEqual([])
  })

  it.each(flaws)("finds %o", async (flaw, name) => {
    expect(await failuresOf(suiteFor(flaw))).toContain(name)
  })

  it("asks nothing that none of these flaws fails", () => {
    expect(namesOf(suiteFor({})).toSorted()).toEqual(flaws.map(([, name]) => name).toSorted())
  })

  it("asks only what is promised", async () => {
    const suite = (framework: TestFramework): void =>
      testLimiter((count) => semaphore(count, { lifo: true, deaf: true }), framework, { fifo: false, abort: false })
    expect(await failuresOf(suite)).toEqual([])
  })

  describe("createQuota", () => testLimiter((concurrency) => createQuota({ concurrency }), { describe, it }))
})
