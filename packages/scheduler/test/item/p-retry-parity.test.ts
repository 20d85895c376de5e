import { VirtualClock } from "@sluice/lab"
import fc from "fast-check"
import pRetry from "p-retry"
import { expect, it } from "vitest"
import { attemptLoop } from "../../src/item/attempt-loop.ts"

/** What each attempt does; beyond the end of the list it fails. */
const script = fc.record({
  attempts: fc.array(fc.constantFrom("fails", "succeeds", "aborts and fails", "aborts and succeeds"), { maxLength: 6 }),
  maxAttempts: fc.integer({ min: 1, max: 6 }),
  lastRetry: fc.integer({ min: 0, max: 8 }),
})

interface Played {
  readonly calls: readonly number[]
  readonly end: unknown
}

/** Plays a script through `run`, and names errors by the attempt that threw them. */
async function played(
  { attempts }: typeof script extends fc.Arbitrary<infer S> ? S : never,
  run: (fn: (attempt: number) => Promise<string>, signal: AbortSignal) => Promise<string>,
): Promise<Played> {
  const calls: number[] = []
  const controller = new AbortController()
  const reason = new Error("cancelled")
  const fn = async (attempt: number): Promise<string> => {
    calls.push(attempt)
    const what = attempts[attempt - 1] ?? "fails"
    if (what.startsWith("aborts")) controller.abort(reason)
    if (what.endsWith("succeeds")) return `value ${attempt}`
    throw new Error(`failure ${attempt}`)
  }
  const end = await run(fn, controller.signal).catch((error: unknown) => (error as Error).message)
  return { calls, end }
}

it("attemptLoop makes the attempts that p-retry alone would make, and ends as it would, whatever fails or is cancelled", async () => {
  await fc.assert(
    fc.asyncProperty(script, async (drawn) => {
      const { maxAttempts, lastRetry } = drawn
      const own = await played(drawn, async (fn, signal) => {
        const clock = new VirtualClock()
        const decide = (_error: unknown, attempt: number) => ({
          retry: attempt <= lastRetry,
          delayMs: 10,
          reason: "drawn",
        })
        const random = { next: () => 0.5 }
        return clock.run(attemptLoop(fn, { maxAttempts, decide, clock, random, signal }))
      })
      const theirs = await played(drawn, (fn, signal) =>
        pRetry(fn, {
          retries: maxAttempts - 1,
          minTimeout: 0,
          signal,
          shouldRetry: ({ attemptNumber }) => attemptNumber <= lastRetry,
        }),
      )
      // The one difference: an attempt that succeeded counts, though an abort came meanwhile. p-retry drops its value.
      const last = theirs.calls.at(-1)!
      const counts = drawn.attempts[last - 1] === "aborts and succeeds"
      expect(own).toEqual(counts ? { ...theirs, end: `value ${last}` } : theirs)
    }),
    { numRuns: 200 },
  )
})
