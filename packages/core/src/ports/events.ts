import type { Cost } from "../cost.ts"
import type { CallFacts } from "./begun-work.ts"
import type { Settlement } from "./ports.ts"

/**
 * Everything a run or a quota tells, in one union. `atMs` is monotonic.
 *
 * `spanId` names the run, node, item or attempt that the event is about, `parentId` the one around it:
 * from these two a consumer rebuilds the tree. Quota events carry the `spanId` of the item that waited, when there is one.
 * `wallMs` is what the wall clock (milliseconds since 1970) showed at `atMs`.
 */
export type SluiceEvent = { readonly atMs: number } & (
  | ({ readonly type: "run-start"; readonly flow: string; readonly wallMs?: number } & Span)
  | ({
      readonly type: "run-end"
      readonly status: "ok" | "failed" | "cancelled"
      readonly action?: string
      readonly error?: unknown
    } & Span)
  | ({
      readonly type: "node-start"
      readonly node: string
      readonly kind: string
      readonly params: Readonly<Record<string, unknown>>
    } & Span)
  | ({
      readonly type: "node-end"
      readonly node: string
      readonly status: "ok" | "failed" | "cancelled"
      readonly action?: string
      readonly error?: unknown
    } & Span)
  | ({
      readonly type: "unknown-action"
      readonly node: string
      readonly action: string
      readonly known: readonly string[]
    } & Span)
  | ({ readonly type: "item-start"; readonly node: string; readonly index: number; readonly key?: string } & Span)
  | ({
      readonly type: "attempt-end"
      readonly node: string
      readonly index: number
      readonly attempt: number
      /** When its work began; absent when it was not admitted. */
      readonly startMs?: number
      readonly error?: unknown
    } & Span)
  | ({
      readonly type: "item-end"
      readonly node: string
      readonly index: number
      /** As `item-start` told it; not every teller repeats it. */
      readonly key?: string
      /** `cancelled`: it was in flight when the run or batch was stopped, and is no outcome. */
      readonly status: "ok" | "failed" | "cancelled"
      readonly attempts: number
      readonly error?: unknown
      readonly replayed?: boolean
    } & Span)
  | ({
      readonly type: "usage"
      readonly cost: Cost
      readonly model?: string
      readonly cachedInputTokens?: number
      /** Whose credentials: a name, or a hash of them. */
      readonly account?: string
      /** The tenant in whose queue the call waited, where `keyBy` names one. */
      readonly tenant?: string
      /** The vendor has not counted: a stream that was cut, or one that carries no usage. */
      readonly estimated?: boolean
      /** Answered in a vendor's batch, at its price; absent online. */
      readonly lane?: "batch"
    } & Partial<Span>)
  | ({
      readonly type: "vendor-batch"
      /** `adopted`: created by a process before this one · `cancelled`: asked to stop, what is done still comes. */
      readonly state: "submitted" | "adopted" | "progress" | "ended" | "failed" | "cancelled"
      readonly vendor: string
      /** A hash of the credentials. */
      readonly account: string
      readonly model: string
      readonly batchId: string
      readonly done: number
      readonly total: number
      readonly code?: string
    } & Partial<Span>)
  | ({ readonly type: "log"; readonly message: string; readonly data?: unknown } & Span)
  | ({
      readonly type: "permit-wait"
      readonly quota: string
      readonly tenant: string
      readonly blockedBy: string
      readonly waiting: number
    } & Partial<Span>)
  | ({
      readonly type: "permit-admit"
      readonly quota: string
      readonly tenant: string
      readonly waitedMs: number
      /** What it waited for, as it began to; absent when it did not wait. */
      readonly blockedBy?: string
      readonly inFlight: number
      readonly cost: Cost
    } & Partial<Span>)
  | ({
      /** A wait ended without a permit: aborted, or with an error. */
      readonly type: "permit-leave"
      readonly quota: string
      readonly tenant: string
      readonly waitedMs: number
      readonly blockedBy: string
      readonly waiting: number
      readonly error: unknown
    } & Partial<Span>)
  | ({
      readonly type: "permit-settle"
      readonly quota: string
      readonly outcome: Settlement["outcome"]
      readonly heldMs: number
      readonly inFlight: number
    } & Partial<Span>)
  | ({
      readonly type: "throttle"
      readonly quota: string
      readonly reason: string
      readonly dimension?: string
      readonly retryAfterMs?: number
      /** What it was taken for, and what that was seen from. */
      readonly cause?: string
      readonly observed?: string
    } & Partial<Span>)
  | { readonly type: "gate-close"; readonly quota: string; readonly untilMs: number; readonly reason: string }
  | { readonly type: "gate-open"; readonly quota: string; readonly closedMs: number }
  | {
      readonly type: "limit-change"
      readonly quota: string
      readonly dimension: string
      readonly from: number
      readonly to: number
      readonly reason: string
    }
  | ({
      readonly type: "http-attempt"
      readonly vendor: string
      readonly model: string
      readonly attempt: number
      readonly startMs: number
      /** Until the answer was whole or, of a stream, had begun. */
      readonly durationMs: number
      readonly status?: number
      /** The vendor's own id of the request, from its headers. */
      readonly requestId?: string
      readonly decision: string
      /** The vendor refuses every call of the account for good: a key, a bill, a day's total. */
      readonly isAccountRefused?: true
      readonly delayMs?: number
      readonly error?: unknown
    } & Partial<Span>)
  | ({
      /** A call to a model is over, with all its attempts: its answer is whole, its stream has ended, it failed or was cancelled. */
      readonly type: "call-end"
      readonly startMs: number
      readonly status: "ok" | "failed" | "cancelled"
      /** The vendor's code, or ours. */
      readonly error?: string
      readonly attempts: number
      /** From the call's beginning until the first bytes of its stream. */
      readonly firstChunkMs?: number
      readonly responseModel?: string
      readonly responseId?: string
      readonly finishReasons?: readonly string[]
      readonly usage?: CallUsage
      /** Only for a sink with `wantsContent`. */
      readonly content?: CallContent
    } & CallFacts &
      Partial<Span>)
  | {
      /** Somebody took a hand in the run. */
      readonly type: "control"
      readonly action: "pause" | "resume" | "drain" | "stop" | "update" | "retry-failed"
      /** Who, and from where: `anna, page`. */
      readonly by: string
      /** What `update` changed: limits by their names. */
      readonly changes?: Readonly<Record<string, number>>
    }
  | { readonly type: "warning"; readonly code: string; readonly message: string }
)

interface Span {
  readonly runId: string
  readonly spanId: number
  readonly parentId?: number
}

/** Tokens of a call, as the vendor counted them, or `estimated`. Input includes what came from the cache. */
export interface CallUsage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedInputTokens: number
  readonly cacheWriteTokens: number
  readonly estimated?: boolean
}

/** What was asked and answered, as it was sent. */
export interface CallContent {
  /** The body of the request. */
  readonly request?: string
  /** The parsed body of an answer that came whole. */
  readonly answer?: unknown
  /** The data of a stream's events. */
  readonly pieces?: readonly string[]
  /** Takes the call's own credentials out of a text that is to be shown: vendors echo them, and a stream may part them. */
  readonly hide?: (text: string) => string
}
