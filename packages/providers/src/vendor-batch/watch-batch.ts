import { type Clock, type Random, SluiceError } from "@sluice/core"
import { sleep } from "@sluice/scheduler"
import { statusOf } from "./vendors/batch-http.ts"
import type { BatchProgress } from "./vendors/batch-vendor.ts"
import { type BatchEvent, type RunBatchesOptions, runBatchesDefaults } from "./run-batches-options.ts"

export interface WatchOptions extends Pick<
  RunBatchesOptions,
  "vendor" | "pollMs" | "maxPollMs" | "signal" | "onBatch"
> {
  readonly clock: Clock
  readonly random: Random
  /** Looks in a row without an answer that end the watch: the vendor is down. Default 20. */
  readonly maxBlindLooks?: number
}

/** Looks at a batch, with jitter, until it is over. @throws what a look throws when looking again is useless. */
export async function watchBatch(batchId: string, options: WatchOptions): Promise<BatchProgress> {
  const { vendor, signal, pollMs = runBatchesDefaults.pollMs, maxPollMs = runBatchesDefaults.maxPollMs } = options
  const { maxBlindLooks = runBatchesDefaults.maxBlindLooks } = options
  let waitMs = pollMs
  let blind = 0
  let last = -1
  for (;;) {
    try {
      const progress = await vendor.progress(batchId, signal)
      blind = 0
      const { done, total, code } = progress
      const type = progress.state === "running" ? "progress" : progress.state
      if (type !== "progress" || done !== last)
        tellBatch(options, { type, vendor: vendor.name, batchId, done, total, ...(code ? { code } : {}) })
      last = done
      if (progress.state !== "running") return progress
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (isFinal(statusOf(error).status)) throw error
      if (++blind >= maxBlindLooks) {
        throw new SluiceError(
          "vendor-error",
          `${vendor.name} batch ${batchId}: its state could not be read ${maxBlindLooks} times. It goes on there; run again with the same ledger to collect it.`,
          { cause: error, retryable: true, details: { batchId } },
        )
      }
    }
    // Half of it at least, so that a look is never for nothing; the rest by chance, so that batches are not looked at together.
    await sleep(options.clock, waitMs * (0.5 + options.random.next() / 2), signal)
    waitMs = Math.min(maxPollMs, waitMs * 1.5)
  }
}

/** No such batch, or not ours: it will not come to be. */
export function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 409 && status !== 429
}

export function tellBatch(options: Pick<WatchOptions, "onBatch">, event: BatchEvent): void {
  try {
    options.onBatch?.(event)
  } catch {
    // Whoever listens does not stop the batch.
  }
}
