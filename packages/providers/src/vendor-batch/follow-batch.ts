import type { Clock, Random } from "@sluice/core"
import type { BatchLedger } from "./batch-ledger.ts"
import type { BatchRequest, BatchResult } from "./batch-vendor.ts"
import type { RunBatchesOptions } from "./run-batches-options.ts"
import { tellBatch, watchBatch } from "./watch-batch.ts"

type FollowOptions = RunBatchesOptions & {
  readonly clock: Clock
  readonly random: Random
  readonly ledger: BatchLedger
}

/** Sees one batch through, from its intent to its results. A batch refused as a whole is halved, down to single requests. */
export async function* followBatch(
  requests: readonly BatchRequest[],
  key: string,
  options: FollowOptions,
): AsyncGenerator<BatchResult> {
  const { vendor } = options
  const batchId = await createOnce(requests, key, options)
  const progress = await watchBatch(batchId, options)
  if (progress.state === "ended") {
    yield* vendor.results(batchId, options.signal)
    return
  }
  if (progress.code === "token_limit_exceeded" && requests.length > 1) {
    const middle = Math.ceil(requests.length / 2)
    yield* followBatch(requests.slice(0, middle), `${key}/0`, options)
    yield* followBatch(requests.slice(middle), `${key}/1`, options)
    return
  }
  const faulty = new Set(progress.faulty)
  const blamed = faulty.size > 0 ? requests.filter((_, position) => faulty.has(position)) : requests
  for (const { customId } of blamed) yield refused(customId, progress.code ?? "batch-failed")
  if (blamed.length < requests.length) {
    // The others were not at fault, and make a batch without them.
    yield* followBatch(
      requests.filter((_, position) => !faulty.has(position)),
      `${key}/0`,
      options,
    )
  }
}

function refused(customId: string, code: string): BatchResult {
  const again = code === "token_limit_exceeded"
  return { customId, status: "failed", code, message: "the batch was refused as a whole", again }
}

/** The batch's id, whether it was created just now, earlier, or by a process that died before it could say so. */
async function createOnce(requests: readonly BatchRequest[], key: string, options: FollowOptions): Promise<string> {
  const { vendor, ledger, clock, signal } = options
  const created = await ledger.read(`${key}/created`)
  if (typeof created === "string") return created
  const intent = (await ledger.read(`${key}/intent`)) as { wallMs: number; count: number } | undefined
  const made = intent ?? { wallMs: clock.wallNow(), count: requests.length }
  if (!intent) await ledger.write(`${key}/intent`, made)
  const ids = new Set(requests.map((request) => request.customId))
  const since = { ...made, has: (customId: string) => ids.has(customId) }
  const tag = `sluice-${key.replaceAll("/", "-")}`
  let batchId = intent ? await vendor.find(tag, since, signal) : undefined
  const isFound = batchId !== undefined
  if (batchId === undefined) {
    try {
      batchId = await vendor.create(requests, tag, signal)
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      // The answer may be lost, not the batch.
      batchId = await vendor.find(tag, since, signal)
      if (batchId === undefined) throw error
    }
  }
  await ledger.write(`${key}/created`, batchId)
  tellBatch(options, {
    type: isFound ? "adopted" : "submitted",
    vendor: vendor.name,
    batchId,
    done: 0,
    total: requests.length,
  })
  return batchId
}
