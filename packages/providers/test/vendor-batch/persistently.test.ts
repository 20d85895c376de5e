import { VirtualClock } from "@sluice/lab"
import { attemptLoop, type RetryDecision } from "@sluice/scheduler"
import fc from "fast-check"
import { expect, it } from "vitest"
import { persistently } from "../../src/vendor-batch/engine/persistently.ts"

/** What each attempt does; beyond the end of the list it fails. */
const script = fc.record({
  attempts: fc.array(
    fc.constantFrom(
      "fails",
      "throws a TypeError",
      "throws text",
      "succeeds",
      "aborts and fails",
      "aborts and succeeds",
    ),
    { maxLength: 6 },
  ),
  maxAttempts: fc.integer({ min: 1, max: 6 }),
  lastRetry: fc.integer({ min: 0, max: 8 }),
  /** When the whole is cancelled from outside: in a wait, in a millisecond in which an attempt begins, or never. */
  abortAtMs: fc.constantFrom(5, 10, 25, 30, Infinity),
})
type Script = typeof script extends fc.Arbitrary<infer S> ? S : never

type Run = (
  act: () => Promise<string>,
  decide: (error: unknown, attempt: number) => RetryDecision,
  options: { readonly maxAttempts: number; readonly clock: VirtualClock; readonly signal: AbortSignal },
) => Promise<string>

/** Plays a script through `run`: when each attempt began, what the decisions were asked about, how it ended and when. */
async function played({ attempts, maxAttempts, lastRetry, abortAtMs }: Script, run: Run) {
  const clock = new VirtualClock()
  const controller = new AbortController()
  clock.setTimer(abortAtMs, () => controller.abort("cancelled"))
  const begunMs: number[] = []
  const asked: unknown[] = []
  const act = async (): Promise<string> => {
    const what = attempts[begunMs.length] ?? "fails"
    begunMs.push(clock.now())
    if (what.startsWith("aborts")) controller.abort("cancelled")
    if (what.endsWith("succeeds")) return `value ${begunMs.length}`
    if (what === "throws a TypeError") throw new TypeError("other side closed")
    throw what === "throws text" ? "just text" : new Error(`failure ${begunMs.length}`)
  }
  const decide = (error: unknown, attempt: number): RetryDecision => {
    asked.push([error, attempt])
    return { retry: attempt <= lastRetry, delayMs: 10, reason: "drawn" }
  }
  const ended = run(act, decide, { maxAttempts, clock, signal: controller.signal }).then(
    (value) => ({ value, atMs: clock.now() }),
    (error: unknown) => ({ error, atMs: clock.now() }),
  )
  return { end: await clock.run(ended), begunMs, asked }
}

it("a step in the background is tried as a call is, whatever it throws and whenever it is cancelled", async () => {
  const random = { next: () => 0.5 }
  await fc.assert(
    fc.asyncProperty(script, async (drawn) => {
      const call = await played(drawn, (act, decide, options) => attemptLoop(act, { ...options, decide, random }))
      expect(await played(drawn, persistently)).toEqual(call)
    }),
    { numRuns: 300 },
  )
})
