import type { Limiter, Permit } from "@sluice/core"
import { createQuota } from "@sluice/scheduler"
import { describe, expect, it } from "vitest"
import { testLimiter, testQuota, type TestFramework } from "../src/index.ts"
import { failuresOf } from "./failures-of.ts"

interface Flaws {
  lifo?: boolean
  deaf?: boolean
  endsTwice?: boolean
  greedy?: boolean
  leaky?: boolean
}

/** A plain semaphore, with faults on demand. */
function semaphore(concurrency: number, { lifo, deaf, endsTwice, greedy, leaky }: Flaws = {}): Limiter {
  let free = concurrency
  const waiters: { admit: () => void }[] = []
  const grant = (): Permit => {
    let open = true
    free--
    return {
      settle() {
        if (!open && !endsTwice) return
        open = false
        free++
        while (free > 0 && waiters.length > 0) (lifo ? waiters.pop() : waiters.shift())?.admit()
      },
    }
  }
  return {
    tryAdmit: () => (free > 0 && (greedy || waiters.length === 0) ? grant() : undefined),
    async admit(_cost, options) {
      const signal = deaf ? undefined : options?.signal
      if (signal?.aborted) throw signal.reason
      if (free > 0) return grant()
      return await new Promise<Permit>((resolve, reject) => {
        const waiter = { admit: () => resolve(grant()) }
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

describe("testLimiter", () => {
  it("passes a right one", async () => {
    expect(await failuresOf((framework) => testLimiter(semaphore, framework))).toEqual([])
  })

  it.each<[Flaws, string]>([
    [{ lifo: true }, "admits in the order of asking"],
    [{ deaf: true }, "lets a waiter leave at once, with the reason as it was given"],
    [{ endsTwice: true }, "counts a permit's end once"],
    [{ leaky: true }, "has every permit back after any mix of ends and aborts"],
  ])("finds %o", async (flaws, name) => {
    expect(await failuresOf((framework) => testLimiter((count) => semaphore(count, flaws), framework))).toContain(name)
  })

  it("asks only what is promised", async () => {
    const suite = (framework: TestFramework): void =>
      testLimiter((count) => semaphore(count, { lifo: true, deaf: true }), framework, { fifo: false, abort: false })
    expect(await failuresOf(suite)).toEqual([])
  })

  describe("createQuota", () => testLimiter((concurrency) => createQuota({ concurrency }), { describe, it }))
})

describe("testQuota", () => {
  it("finds that a semaphore is no quota", async () => {
    const failed = await failuresOf(
      (framework) => testQuota(() => semaphore(50), framework),
      /requests-bind|fit|pay|headers|deadline/,
    )
    expect(failed).toEqual([
      "is never refused, and within 3 % of the oracle: requests-bind",
      "refuses at once what can never fit, in numbers",
      "refuses at once a deadline that cannot be met",
      "ends the whole queue with one clear error when the account cannot pay",
      "believes the vendor's headers over what it was told",
    ])
  })
})
