import { countInScope, currentScope, type Clock, type Random } from "@sluice/core"
import pRetry from "p-retry"
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

/**
 * Calls `fn` until it succeeds, a decision says no, or its attempts are spent.
 *
 * Rejects with the last error as it was thrown, or with `signal.reason` untouched: an abort ends a wait at once, and a running
 * attempt when it settles (hand it the signal). Holds nothing while it waits, so a permit taken inside `fn` is free meanwhile.
 * p-retry counts the attempts and minds the signal; every delay is ours, on the `clock`.
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
  const { maxAttempts, clock, signal, waitSignal } = options
  let decision: RetryDecision
  options.budget?.earn()
  signal?.throwIfAborted()
  // Most calls need no loop: p-retry is asked only once an attempt has failed, and is told so as its first.
  let first: Thrown | undefined
  let done: { readonly value: T } | undefined
  try {
    return await fn(1)
  } catch (error) {
    first = new Thrown(error)
  }
  try {
    return await pRetry(
      async (attempt) => {
        if (attempt === 1) throw first
        try {
          done = { value: await fn(attempt) }
          return done.value
        } catch (error) {
          throw new Thrown(error)
        }
      },
      {
        retries: maxAttempts - 1,
        // Its delay would add to ours, its jitter vanishes at the cap, and its timers are not on our clock.
        minTimeout: 0,
        signal,
        onFailedAttempt: ({ error, attemptNumber, retriesLeft }) => {
          const { thrown } = error as Thrown
          decision =
            retriesLeft === 0 ? spent : settleDecision(options.decide(thrown, attemptNumber), attemptNumber, options)
          options.onDecision?.(thrown, attemptNumber, decision)
        },
        shouldRetry: async () => {
          if (!decision.retry) return false
          const scope = currentScope()
          countInScope(scope, "resting", 1)
          try {
            // Also for 0 ms: attempts that fail synchronously must not starve the event loop.
            const either = signal && waitSignal ? AbortSignal.any([signal, waitSignal]) : (signal ?? waitSignal)
            await sleep(clock, decision.delayMs ?? 0, either)
          } finally {
            countInScope(scope, "resting", -1)
          }
          return true
        },
      },
    )
  } catch (error) {
    // An attempt that succeeded counts, also when an abort came meanwhile: p-retry drops its value.
    if (done) return done.value
    throw error instanceof Thrown ? error.thrown : error
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

/**
 * Carries whatever was thrown past p-retry, which would retry no `TypeError` that it does not know as a network error
 * (undici's "other side closed"), replaces thrown values that are no errors, and takes its own `AbortError` for a command.
 */
class Thrown extends Error {
  readonly thrown: unknown
  constructor(thrown: unknown) {
    super("attempt failed")
    this.thrown = thrown
  }
}
