import type { Cost } from "../cost.ts"
import type { Outcome } from "../outcome.ts"

/** Time. The only implementation that touches the machine's clock is the scheduler's `system-clock.ts`. */
export interface Clock {
  /** Monotonic milliseconds: only differences mean anything, and it never steps back. */
  now(): number
  /** Milliseconds since 1970: for reading absolute times that a vendor sends, and for printing. */
  wallNow(): number
  /** Calls `fn` once, at or after `delayMs`. The function that it returns cancels it; calling that again does nothing. */
  setTimer(delayMs: number, fn: () => void): () => void
}

/** Randomness: a number in [0, 1). */
export interface Random {
  next(): number
}

/** How delays between attempts grow: up to `min(maxMs, initialMs × factor^(attempt - 1))`, and half of that at least. */
export interface Backoff {
  readonly initialMs: number
  readonly factor: number
  readonly maxMs: number
  /** `"equal"` (default) draws between half of the capped delay and the whole of it, `"full"` between 0 and it; `"none"` waits exactly it. */
  readonly jitter?: "equal" | "full" | "none"
}

/** Retry of one item. Attempt 1 is not a retry: `maxAttempts: 1` never retries. */
export interface RetryOptions {
  readonly maxAttempts: number
  readonly backoff?: Partial<Backoff>
  /** Which errors may be tried again; default: every error that does not carry `retryable: false`. */
  readonly retryIf?: (error: unknown, attempt: number) => boolean
}

/** The right to have started. Ends exactly once; a second `settle` does nothing. */
export interface Permit {
  settle(end: Settlement): void
}

/**
 * How a call ended, as far as its limiter is concerned. `actual` is what it took in the end, when that is known: what was estimated
 * beyond it is given back.
 *
 * `success`: the vendor did the work · `throttled`: it said no · `failed`: no answer, or a 5xx that says nothing about limits, of
 * which many in a row mean that the vendor is down · `ignored`: it says nothing at all (our bug, a cancelled call).
 */
export type Settlement =
  | {
      readonly outcome: "success"
      readonly actual?: Cost | undefined
      readonly limits?: readonly LimitReading[]
      readonly latency?: Latency
    }
  | ({
      readonly outcome: "throttled"
      readonly actual?: Cost | undefined
      readonly limits?: readonly LimitReading[]
      /** The vendor's own delay before the next call. Obeyed by everybody, however long. */
      readonly retryAfterMs?: number
    } & Refusal)
  | { readonly outcome: "failed"; readonly actual?: Cost | undefined; readonly retryAfterMs?: number }
  | { readonly outcome: "ignored"; readonly actual?: Cost | undefined }

/** A vendor's no. */
export interface Refusal {
  /**
   * `rate`: too fast · `places`: too many at once · `ramp`: growing too fast · `overloaded`: no capacity (503, 529) ·
   * `daily`: a day's total is gone · `billing`: money or access; waiting does not help.
   */
  readonly reason: "rate" | "places" | "ramp" | "overloaded" | "daily" | "billing"
  readonly dimension?: LimitReading["dimension"]
  /** The vendor's words, for the error that people see. Never a key or a prompt. */
  readonly message?: string
}

/** How long an answer took. */
export interface Latency {
  readonly totalMs: number
  readonly firstTokenMs?: number
  readonly outputTokens?: number
}

export interface AdmitOptions {
  readonly signal?: AbortSignal
  /**
   * Higher goes first; in a quota one admission in 64 goes to whoever has waited longest, so nothing starves. `-Infinity` takes only
   * what nobody else waits for. Default 0.
   */
  readonly priority?: number
  /** Whose queue it waits in: first in first out inside one, weighted fair queueing across them. Default: one for all. */
  readonly tenant?: string
  /**
   * What of the cost is certain; left out, all of it. A cost that is partly estimated and above a limit waits until the limit is
   * full and then goes alone: only what is certain is refused for good.
   */
  readonly certain?: Cost
  /** Fail at once when the permit cannot be had within this many milliseconds. */
  readonly maxWaitMs?: number
  /** `false`: takes no place among the calls in flight, as money that is reserved ahead does. Default true. */
  readonly place?: boolean
  /** When it first asked, on the limiter's clock: a call that was refused keeps its place in time. Default now. */
  readonly since?: number
}

/** Whatever admits calls: a quota, a semaphore, an adapter around another limiter. */
export interface Limiter {
  /** It admits nobody without `options.tenant`. */
  readonly isKeyed?: true
  admit(cost?: Cost, options?: AdmitOptions): Promise<Permit>
  /** The permit if it is free now and nobody waits, else `undefined`. */
  tryAdmit(cost?: Cost, options?: AdmitOptions): Permit | undefined
}

/** One dimension as the vendor reports it, in vendor-neutral terms. */
export interface LimitReading {
  readonly dimension: "requests" | "tokens" | "inputTokens" | "outputTokens"
  readonly limit?: number
  readonly remaining?: number
  /** Time until the limit is *full* again, not until the next call fits. */
  readonly resetMs?: number
  /** The window that `limit` counts, when it is known (a day for Groq's requests). Default a minute. */
  readonly windowMs?: number
  /** `remaining` is rounded to a multiple of this (Anthropic's tokens: 1,000). */
  readonly roundedTo?: number
}

/** What an answer said about the quota. */
export interface Feedback {
  readonly limits?: readonly LimitReading[]
  readonly retryAfterMs?: number
  readonly refusal?: Refusal
}

/** What names one settled piece of work across runs. */
export interface RecordIdentity {
  /** Path of node names from the outermost flow, e.g. `digest/perFile/summarise`. */
  readonly node: string
  /** How often this node had run before in this run (loops); 0 for the first visit. */
  readonly visit: number
  readonly params: Readonly<Record<string, unknown>>
  /** Batches only. */
  readonly index?: number
  /** The user's `key(item)`; without one, content identifies the item, and how many equal ones are before it. */
  readonly key?: string
  /** `prepared` of a step, or the item of a batch. */
  readonly input: unknown
  /** The user's `version` of the node: a new one runs everything again. */
  readonly version?: string
}

/** A settled record as it comes back. */
export type SettledRecord =
  | { readonly status: "ok"; readonly value: unknown; readonly attempts: number }
  | { readonly status: "failed"; readonly error: unknown; readonly attempts: number }

/** The journal of one open run. */
export interface RunJournal {
  /** What is settled under this identity, if anything. Throws when two items claim the same key. */
  lookup(identity: RecordIdentity): SettledRecord | undefined | Promise<SettledRecord | undefined>
  /** Resolves when the record is durable. Rejects, naming the node, when the value cannot be stored. `cost` is what was spent. */
  settle(identity: RecordIdentity, outcome: Outcome<unknown>, cost?: Cost): Promise<void>
  /** What was last stored under `name`. A journal that keeps no notes has neither method. */
  readonly note?: (name: string) => unknown
  /** Stores a small fact beside the items; resolves when it is durable. */
  readonly putNote?: (name: string, value: unknown) => Promise<void>
  /** The run ended; the journal stays open for other runs. */
  end(status: "ok" | "failed" | "cancelled"): Promise<void>
}

/** The record of runs. `@sluice/journal` keeps it in SQLite. */
export interface Journal {
  openRun(run: { readonly runId: string; readonly flow: string }): Promise<RunJournal>
}
