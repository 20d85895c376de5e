import { countInScope, currentScope, type Clock, type Random } from "@sluice/core"
import { anything, fields, wrongValue } from "@sluice/core/internal"
import type { RetryBudget } from "./retry-budget.ts"
import { backoffDelayMs, type RetryDecision } from "./retry-policy.ts"
import { sleep } from "../runtime/sleep.ts"

export interface AttemptLoopOptions {
  /** Attempt 1 is not a retry: 1 never retries. */
  readonly maxAttempts: number
  /** Asked after each failed attempt that another may follow. */
  readonly decide: (error: unknown, attempt: number) => RetryDecision
  readonly clock: Clock
  /** Draws the delay where a decision names none. */
  readonly random: Random
  readonly signal?: AbortSignal | undefined
  /** Ends a wait between two attempts as `signal` does, and never an attempt. */
  readonly waitSignal?: AbortSignal | undefined
  readonly budget?: RetryBudget | undefined
  /** A longer delay ends the loop at once instead: the caller would rather have the error. */
  readonly maxWaitMs?: number | undefined
  /** Told after each failed attempt what was decided, also when no attempt is left. */
  readonly onDecision?: ((error: unknown, attempt: number, decision: RetryDecision) => void) | undefined
}

const names = fields<AttemptLoopOptions>({
  maxAttempts: anything,
  decide: anything,
  clock: anything,
  random: anything,
  signal: anything,
  waitSignal: anything,
  budget: anything,
  maxWaitMs: anything,
  onDecision: anything,
})

/**
 * Calls `fn` until it succeeds, a decision says no, or its attempts are spent.
 *
 * Rejects with the last error as it was thrown, or with `signal.reason` untouched: an abort ends a wait at once, and a running
 * attempt when it settles (hand it the signal). One that succeeded counts, though an abort came meanwhile. Holds nothing while it
 * waits, so a permit taken inside `fn` is free meanwhile.
 *
 * @example
 * ```ts
 * const text = await attemptLoop(async (attempt) => (attempt < 3 ? Promise.reject(new Error("busy")) : "done"), {
 *   maxAttempts: 5,
 *   decide: () => ({ retry: true, delayMs: 10, reason: "busy" }),
 *   clock: systemClock,
 *   random: systemRandom,
 * })
 * text // => "done"
 * ```
 */
export async function attemptLoop<T>(
  fn: (attempt: number) => T | PromiseLike<T>,
  options: AttemptLoopOptions,
): Promise<T> {
  // Each item of a batch with retries makes one: to look at values too would take it three times as long as all the rest.
  const wrong = wrongValue("attemptLoop", options, names)
  if (wrong) throw wrong
  const { maxAttempts, signal } = options
  options.budget?.earn()
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    try {
      return await fn(attempt)
    } catch (error) {
      // What fails after an abort fails for it: nobody decides on that.
      signal?.throwIfAborted()
      const decision = attempt >= maxAttempts ? spent : settleDecision(options.decide(error, attempt), attempt, options)
      options.onDecision?.(error, attempt, decision)
      signal?.throwIfAborted()
      if (!decision.retry) throw error
      await rest(decision.delayMs ?? 0, options)
    }
  }
}

/** Also for 0 ms: attempts that fail synchronously must not starve the event loop. */
async function rest(delayMs: number, { clock, signal, waitSignal }: AttemptLoopOptions): Promise<void> {
  const scope = currentScope()
  countInScope(scope, "resting", 1)
  try {
    await sleep(clock, delayMs, signal && waitSignal ? AbortSignal.any([signal, waitSignal]) : (signal ?? waitSignal))
  } finally {
    countInScope(scope, "resting", -1)
  }
}

const spent: RetryDecision = Object.freeze({ retry: false, reason: "attempts-spent" })

function settleDecision(asked: RetryDecision, attempt: number, options: AttemptLoopOptions): RetryDecision {
  if (!asked.retry) return asked
  const delayMs = asked.delayMs ?? backoffDelayMs(attempt, undefined, options.random)
  if (delayMs > (options.maxWaitMs ?? Infinity)) return { retry: false, delayMs, reason: "max-wait" }
  if (!asked.invited && options.budget?.trySpend() === false) return { retry: false, reason: "retry-budget-spent" }
  return { ...asked, delayMs }
}
