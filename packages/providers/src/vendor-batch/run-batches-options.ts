import type { Clock, Random } from "@sluice/core"
import type { Usage } from "../vendors/vendor.ts"
import type { BatchLedger } from "./batch-ledger.ts"
import type { BatchVendor } from "./vendors/batch-vendor.ts"

/** What is told while batches run. */
export interface BatchEvent {
  /** `adopted`: created by a process before this one · `cancelled`: asked to stop, what is done still comes. */
  readonly type: "submitted" | "adopted" | "progress" | "ended" | "failed" | "cancelled"
  readonly vendor: string
  readonly batchId: string
  readonly done: number
  readonly total: number
  readonly code?: string
}

export interface RunBatchesOptions {
  readonly vendor: BatchVendor
  /** Default: in memory, which a crash forgets. */
  readonly ledger?: BatchLedger
  /** Answers what the batches left out in the end. Without it such items fail. */
  readonly online?: (body: Readonly<Record<string, unknown>>, signal: AbortSignal | undefined) => Promise<unknown>
  /** How often what is missing or expired is submitted, the first time included. Default 2. */
  readonly maxRounds?: number
  /** Enqueued input tokens that the vendor allows this account; pieces then run one after the other. */
  readonly maxEnqueuedTokens?: number
  readonly maxRequests?: number
  /** First and longest wait between two looks. Default 5,000 and 60,000, with jitter. */
  readonly pollMs?: number
  readonly maxPollMs?: number
  readonly signal?: AbortSignal
  readonly clock?: Clock
  readonly random?: Random
  readonly onBatch?: (event: BatchEvent) => void
  /** What each answer used; `priceShare` of the usual price. */
  readonly onUsage?: (usage: Usage, priceShare: number) => void
}

/** The defaults, each with its reason. */
export const runBatchesDefaults: {
  readonly maxRounds: number
  readonly pollMs: number
  readonly maxPollMs: number
  readonly maxBlindLooks: number
} = Object.freeze({
  /** Once more for what expired or met the vendor's fault; then another lane. */
  maxRounds: 2,
  /** A small batch is done in a minute. */
  pollMs: 5_000,
  /** A batch takes up to a day: a minute more is nothing, and a look costs a request. */
  maxPollMs: 60_000,
  /** A vendor that cannot tell how a batch does for so long is down: the run ends, the batch goes on, and is found again. */
  maxBlindLooks: 20,
})
