import { SluiceError, type Backoff, type Random } from "@sluice/core"

/** What kind of failure an attempt ended in. Vendors' modules make it from an answer, `classifyError` from an error. */
export interface Failure {
  readonly retryable: boolean
  /** For people and events: `overloaded`, `timeout`, `billing`. */
  readonly reason: string
  /** The vendor's own delay. */
  readonly retryAfterMs?: number
}

/** Whether another attempt follows, after how long, and why. */
export interface RetryDecision {
  readonly retry: boolean
  /** Absent with `retry: true`: the default backoff. */
  readonly delayMs?: number
  readonly reason: string
  /** The vendor asked for this retry by naming a time: it does not draw on the retry budget. */
  readonly invited?: boolean
}

/** The defaults, each with its reason. */
export const retryDefaults: {
  readonly maxAttempts: number
  readonly backoff: Required<Backoff>
  readonly maxWaitMs: number
} = Object.freeze({
  /** Five waits of up to 1 to 16 s, between 15.5 and 31 s in all: enough for a vendor's usual hiccup, and finite. */
  maxAttempts: 6,
  backoff: Object.freeze({
    /** A call to a model takes seconds, so a retry within less than one rarely meets a changed world. */
    initialMs: 1_000,
    /** Doubling halves the pressure with each round: the slowest growth that ends an overload. */
    factor: 2,
    /** Longer, and a batch idles after the vendor is back. */
    maxMs: 30_000,
    /** Spreads callers over half of the wait, also at the cap; the other half is for sure, so that no run of bad luck spends all attempts at once. */
    jitter: "equal",
  }),
  /** The vendor's word is obeyed however long, unless the caller sets a bound. */
  maxWaitMs: Infinity,
})

/**
 * The wait after `attempt` (1-based): uniform in the upper half of `min(maxMs, initialMs × factor^(attempt - 1))`, or below it with
 * `"full"`. The jitter comes after the cap, so that callers at the cap are spread too.
 *
 * Source: "equal jitter" in Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015, which prefers full jitter where
 * attempts have no end. With six of them, full jitter spends all within 4 s once in a hundred calls.
 */
export function backoffDelayMs(attempt: number, backoff: Partial<Backoff> | undefined, random: Random): number {
  const { initialMs, factor, maxMs, jitter } = { ...retryDefaults.backoff, ...backoff }
  const cappedMs = initialMs === 0 ? 0 : Math.min(maxMs, initialMs * factor ** (attempt - 1))
  if (jitter === "none") return cappedMs
  return jitter === "full" ? cappedMs * random.next() : cappedMs * (0.5 + random.next() / 2)
}

/**
 * Decides after a failed attempt; draws the delay, waits for nothing.
 *
 * A vendor's own delay is never shortened. With jitter, up to `initialMs` is added to it: callers that were told
 * the same time do not all leave in the same instant.
 *
 * @example
 * ```ts
 * const half = { next: () => 0.5 }
 * retryDecision({ retryable: true, reason: "overloaded" }, 3, undefined, half) // => { retry: true, delayMs: 3000, reason: "overloaded" }
 * retryDecision({ retryable: false, reason: "billing" }, 1, undefined, half) // => { retry: false, reason: "billing" }
 * ```
 */
export function retryDecision(
  failure: Failure,
  attempt: number,
  backoff: Partial<Backoff> | undefined,
  random: Random,
): RetryDecision {
  const { retryable, reason, retryAfterMs } = failure
  if (!retryable) return { retry: false, reason }
  if (retryAfterMs === undefined) return { retry: true, delayMs: backoffDelayMs(attempt, backoff, random), reason }
  const { initialMs, jitter } = { ...retryDefaults.backoff, ...backoff }
  const spreadMs = jitter === "none" ? 0 : initialMs * random.next()
  return { retry: true, delayMs: retryAfterMs + spreadMs, reason, invited: true }
}

/**
 * What can be told from an error alone: `retryable` and `retryAfterMs` where it carries them, retryable otherwise.
 * Somebody's own abort is not retried: it was meant.
 */
export function classifyError(error: unknown): Failure {
  if (typeof error !== "object" || error === null) return { retryable: true, reason: "error" }
  const { retryable, retryAfterMs, name, code } = error as Record<string, unknown>
  const reason = SluiceError.isInstance(error) ? String(code) : typeof name === "string" ? name : "error"
  if (retryable === false || (name === "AbortError" && retryable !== true)) return { retryable: false, reason }
  return typeof retryAfterMs === "number" && retryAfterMs >= 0
    ? { retryable: true, reason, retryAfterMs }
    : { retryable: true, reason }
}
