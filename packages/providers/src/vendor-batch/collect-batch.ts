import { sleep } from "@sluice/scheduler"
import { statusOf } from "./vendors/batch-http.ts"
import type { BatchResult } from "./vendors/batch-vendor.ts"
import { runBatchesDefaults } from "./run-batches-options.ts"
import { isFinal, type WatchOptions } from "./watch-batch.ts"

/** Everything that a batch has brought, from its beginning again where the vendor breaks off: a result may come twice. */
export async function* collectBatch(batchId: string, options: WatchOptions): AsyncGenerator<BatchResult> {
  const { vendor, clock, signal, pollMs = runBatchesDefaults.pollMs } = options
  const { maxBlindLooks = runBatchesDefaults.maxBlindLooks } = options
  for (let look = 1; ; look++) {
    try {
      yield* vendor.results(batchId, signal)
      return
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (look === maxBlindLooks || isFinal(statusOf(error).status)) throw error
      await sleep(clock, pollMs, signal)
    }
  }
}
