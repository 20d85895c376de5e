import type { Cost, Settlement } from "@sluice/core"
import type { Counted } from "../../accounts/accounting.ts"
import type { Usage, Verdict } from "../../vendors/vendor.ts"
import type { AnswerFacts } from "../telling/answer-facts.ts"
import type { FetchContext } from "../context.ts"
import type { PreparedCall } from "../prepared-call.ts"

/** One HTTP request that has its permit. */
export interface CallAttempt {
  readonly context: Pick<FetchContext, "clock" | "timeoutMs" | "idleTimeoutMs" | "maxAnswerBytes" | "rare">
  readonly prepared: PreparedCall
  readonly estimate: Cost
  /** The caller's. */
  readonly signal: AbortSignal | undefined
  readonly startMs: number
  /** A bound that is tighter than `timeoutMs`, by what is usual. */
  readonly usualLimitMs?: number | undefined
  /** Reads along what the answer says of itself, when somebody listens. */
  readonly facts: AnswerFacts | undefined
}

/** What is of no use any more: the key or token, the model, the account with all its models, or the day's total of this quota. */
export type Exhausted = "credential" | "model" | "account" | "quota"

/** How an attempt ended, as far as anybody but the caller is concerned. */
export interface CallAttemptEnd {
  readonly settlement: Settlement
  /** What the vendor has worked. */
  readonly used?: { readonly usage: Usage; readonly how: Counted }
  /** Waiting does not help: what is used up, and the answer that said so. */
  readonly exhausted?: {
    readonly what: Exhausted
    readonly response: Response
    readonly bytes: Uint8Array<ArrayBuffer>
  }
  /** Of an answer that the caller has: whether it came whole, and when its first bytes came. */
  readonly answered?: {
    readonly response: Pick<Response, "status" | "headers">
    readonly status: "ok" | "failed" | "cancelled"
    readonly verdict: Verdict
    readonly error?: string
    readonly firstMs?: number | undefined
  }
  /** The vendor's code could not read the answer, which was handed on all the same. */
  readonly unreadable?: Error | undefined
}

/** Tells its listener the end of a streamed answer, in the moment that it is known. */
export type LaterEnd = (listener: (end: CallAttemptEnd) => void) => void

/** What came of an attempt. */
export type SentAttempt =
  | { readonly response: Response; readonly end: CallAttemptEnd | LaterEnd }
  /** An `AttemptFailure`, or the reason of the caller's signal. */
  | { readonly failure: unknown; readonly end: CallAttemptEnd }
