import type { Clock, Random } from "@sluice/core"
import {
  abortSignal,
  callable,
  clock,
  count,
  having,
  milliseconds,
  needed,
  positive,
  random,
  type Shape,
} from "@sluice/core/internal"
import type { Usage } from "../vendors/vendor.ts"
import type { BatchLedger } from "./batch-ledger.ts"
import { laneDefaults } from "./engine/lane-options.ts"
import type { BatchEvent, BatchVendor } from "./vendors/batch-vendor.ts"

export interface RunBatchesOptions {
  readonly vendor: BatchVendor
  /** Where batches are noted. Without one nothing is found again, so an abort cancels the batches. */
  readonly ledger?: BatchLedger
  /** Asks for what the batches left out in the end. Without it such items fail. */
  readonly online?: (body: Readonly<Record<string, unknown>>, signal: AbortSignal | undefined) => Promise<unknown>
  /** How often what is missing or expired is submitted, the first time included. Default 2. */
  readonly maxRounds?: number
  /** Enqueued input tokens that the vendor allows this account; no more are in batches at once. Default: learned from refusals. */
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
  maxRounds: laneDefaults.maxRounds,
  pollMs: laneDefaults.pollMs,
  maxPollMs: laneDefaults.maxPollMs,
  /** A vendor that cannot tell how a batch does for so long is down: the run ends, the batch goes on, and is found again. */
  maxBlindLooks: 20,
})

export const runBatchesChecks: Shape<RunBatchesOptions> = {
  vendor: needed(having("a vendor's batches (openaiBatches, anthropicBatches, geminiBatches)", "create")),
  ledger: having("a ledger of batches", "read", "write"),
  online: callable,
  maxRounds: count(),
  maxEnqueuedTokens: positive,
  maxRequests: count(),
  pollMs: milliseconds,
  maxPollMs: milliseconds,
  signal: abortSignal,
  clock,
  random,
  onBatch: callable,
  onUsage: callable,
}
