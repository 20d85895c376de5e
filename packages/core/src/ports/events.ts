import type { Cost } from "../cost.ts"
import type { Settlement } from "./ports.ts"

/**
 * Everything a run or a quota tells, in one union. `atMs` is monotonic.
 *
 * `spanId` names the run, node, item or attempt that the event is about, `parentId` the one around it:
 * from these two a consumer rebuilds the tree. Quota events carry the `spanId` of the item that waited, when there is one.
 */
export type SluiceEvent = { readonly atMs: number } & (
  | ({ readonly type: "run-start"; readonly flow: string } & Span)
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
      readonly error?: unknown
    } & Span)
  | ({
      readonly type: "item-end"
      readonly node: string
      readonly index: number
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
      readonly inFlight: number
      readonly cost: Cost
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
      readonly status?: number
      readonly decision: string
      readonly delayMs?: number
      readonly error?: unknown
    } & Partial<Span>)
  | { readonly type: "warning"; readonly code: string; readonly message: string }
)

interface Span {
  readonly runId: string
  readonly spanId: number
  readonly parentId?: number
}
