import type { LimitReading } from "@sluice/core"
import type { VendorCore } from "../vendor/core.ts"
import type { VendorTruth } from "../vendor/truth.ts"
import type { BatchTruth, VendorMemory } from "./vendor-memory.ts"

/** The truth about calls, and what the admission never saw. */
export interface VendorStats extends VendorTruth {
  /** Requests that made no sense: answered with a 4xx, charged nothing, not among `arrived`. */
  readonly badRequests: number
  /** Jobs and their requests, counted when a job's results are first asked for. */
  readonly batches: BatchTruth
  /** What headers would say now. */
  readonly limits: readonly LimitReading[]
}

/** Calls with a key that is not let in count as arrived and refused, with reason `key`. */
export function readStats(core: VendorCore, { refusedKeys, badRequests, batchTruth }: VendorMemory): VendorStats {
  const truth = core.truth()
  const { key = 0 } = truth.refusedByReason
  return {
    ...truth,
    arrived: truth.arrived + refusedKeys,
    refused: truth.refused + refusedKeys,
    refusedByReason: refusedKeys === 0 ? truth.refusedByReason : { ...truth.refusedByReason, key: key + refusedKeys },
    badRequests,
    batches: batchTruth,
    limits: core.limits() ?? [],
  }
}
