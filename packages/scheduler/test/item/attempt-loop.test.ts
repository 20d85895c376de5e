import { VirtualClock } from "@sluice/lab"
import { getEventListeners } from "node:events"
import { describe, expect, it } from "vitest"
import { attemptLoop, type AttemptLoopOptions } from "../../src/item/attempt-loop.ts"
import { retryBudget } from "../../src/item/retry-budget.ts"
import type { RetryDecision } from "../../src/item/retry-policy.ts"

const half = { next: () => 0.5 }
const again = (delayMs: number): RetryDecision => ({ retry: true, delayMs, reason: "busy" })

function setup(options: Partial<AttemptLoopOptions> = {}): { clock: VirtualClock; options: AttemptLoopOptions } {
  const clock = new VirtualClock()
  return { clock, options: { maxAttempts: 3, decide: () => again(100), clock, random: half, ...options } }
}

describe("attemptLoop", () => {
  it("waits the decided delay between attempts and answers the first success", async () => {
    const { clock, options } = setup({ decide: (_error, attempt) => again(attempt * 100) })
    const startedAt: number[] = []
    const value = await clock.run(
      attemptLoop((attempt) => {
        startedAt.push(clock.now())
        if (attempt < 3) throw new Error("busy")
        return `attempt ${attempt}`
      }, options),
    )
    expect(value).toBe("attempt 3")
    expect(startedAt).toEqual([0, 100, 300])
    expect(clock.pending).toBe(0)
  })

  it.each([
    ["a TypeError that p-retry does not know as a network error", new TypeError("other side closed")],
    ["a native AbortError of somebody else", new DOMException("aborted", "AbortError")],
    ["a thrown string", "just text"],
    ["undefined", undefined],
  ])("retries and in the end rejects with %s, untouched", async (_name, thrown) => {
    const { clock, options } = setup()
    const seen: unknown[] = []
    const promise = attemptLoop(
      () => {
        throw thrown
      },
      { ...options, decide: (error) => (seen.push(error), again(1)) },
    )
    const caught = await clock.run(
      promise.then(
        () => "value",
        (error: unknown) => [error],
      ),
    )
    expect(caught).toEqual([thrown])
    expect((caught as unknown[])[0]).toBe(thrown)
    expect(seen).toHaveLength(2)
  })

  it("stops at a decision against, and tells every decision", async () => {
    const told: string[] = []
    const { clock, options } = setup({
      maxAttempts: 9,
      decide: (_error, attempt) => (attempt < 3 ? again(10) : { retry: false, reason: "billing" }),
      onDecision: (_error, attempt, decision) => told.push(`${attempt} ${decision.reason}`),
    })
    await expect(clock.run(attemptLoop(() => Promise.reject(new Error("no")), options))).rejects.toThrow("no")
    expect(told).toEqual(["1 busy", "2 busy", "3 billing"])
  })

  it("does not ask after the last attempt", async () => {
    let asked = 0
    const told: string[] = []
    const { clock, options } = setup({
      maxAttempts: 2,
      decide: () => (asked++, again(1)),
      onDecision: (_error, _attempt, decision) => told.push(decision.reason),
    })
    await expect(clock.run(attemptLoop(() => Promise.reject(new Error("no")), options))).rejects.toThrow("no")
    expect(asked).toBe(1)
    expect(told).toEqual(["busy", "attempts-spent"])
  })

  it("obeys a delay of days, and ends at once beyond maxWaitMs", async () => {
    const days = 30 * 86_400_000
    const { clock, options } = setup({ maxAttempts: 2, decide: () => again(days) })
    const startedAt: number[] = []
    const fn = (): never => {
      startedAt.push(clock.now())
      throw new Error("busy")
    }
    await expect(clock.run(attemptLoop(fn, options))).rejects.toThrow("busy")
    expect(startedAt).toEqual([0, days])
    await expect(clock.run(attemptLoop(fn, { ...options, maxWaitMs: days - 1 }))).rejects.toThrow("busy")
    expect(startedAt).toEqual([0, days, days])
    expect(clock.now()).toBe(days)
  })

  it("draws the default backoff when the decision names no delay", async () => {
    const { clock, options } = setup({ maxAttempts: 2, decide: () => ({ retry: true, reason: "busy" }) })
    await expect(clock.run(attemptLoop(() => Promise.reject(new Error("no")), options))).rejects.toThrow("no")
    expect(clock.now()).toBe(750)
  })

  it("row 4: an abort during the wait settles at once, with the reason untouched and nothing left behind", async () => {
    const controller = new AbortController()
    const { clock, options } = setup({ decide: () => again(500), signal: controller.signal })
    const promise = attemptLoop(() => Promise.reject(new Error("busy")), options).catch((error: unknown) => [
      clock.now(),
      error,
    ])
    await clock.advance(20)
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(1)
    const reason = { my: "reason" }
    controller.abort(reason)
    const [settledAt, error] = (await promise) as [number, unknown]
    expect(settledAt).toBe(20)
    expect(error).toBe(reason)
    expect(clock.pending).toBe(0)
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0)
  })

  it("starts nothing when the signal is aborted already", async () => {
    let calls = 0
    const { options } = setup({ signal: AbortSignal.abort("stopped") })
    await expect(attemptLoop(() => calls++, options)).rejects.toBe("stopped")
    expect(calls).toBe(0)
  })

  it("keeps one listener on the signal for any number of waits", async () => {
    const controller = new AbortController()
    const { clock, options } = setup({ maxAttempts: 2, signal: controller.signal })
    const all = Array.from({ length: 50 }, () => attemptLoop(() => Promise.reject(new Error("busy")), options))
    const settled = Promise.allSettled(all)
    await clock.advance(1)
    expect(clock.pending).toBe(50)
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(1)
    await clock.run(settled)
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0)
  })

  it("yields to the event loop between attempts that fail synchronously without a delay", async () => {
    const { clock, options } = setup({ maxAttempts: Infinity, decide: () => again(0) })
    const controller = new AbortController()
    let calls = 0
    const promise = attemptLoop(
      () => {
        if (++calls === 50) controller.abort("enough")
        throw new Error("busy")
      },
      { ...options, signal: controller.signal },
    )
    await expect(clock.run(promise)).rejects.toBe("enough")
    expect(calls).toBe(50)
  })

  it("stops retrying when the shared budget is spent; an invited retry is free", async () => {
    const budget = retryBudget({ share: 0.1, reserve: 2 })
    let calls = 0
    const fail = (): Promise<never> => (calls++, Promise.reject(new Error("down")))
    const { clock, options } = setup({ maxAttempts: 5, budget })
    for (let i = 0; i < 20; i++) await clock.run(attemptLoop(fail, options).catch(() => undefined))
    // 20 first attempts earn 2 retries, 2 were saved.
    expect(calls).toBeLessThanOrEqual(24)
    expect(calls).toBeGreaterThanOrEqual(23)
    calls = 0
    await clock.run(
      attemptLoop(fail, { ...options, decide: () => ({ ...again(1), invited: true }) }).catch(() => undefined),
    )
    expect(calls).toBe(5)
  })
})
