import { type Clock, type Random, SluiceError } from "@sluice/core"
import type { BatchLedger } from "./batch-ledger.ts"
import type { BatchProgress, BatchRequest, BatchResult } from "./batch-vendor.ts"
import { type BatchEvent, type RunBatchesOptions, runBatchesDefaults } from "./run-batches-options.ts"

type FollowOptions = RunBatchesOptions & {
  readonly clock: Clock
  readonly random: Random
  readonly ledger: BatchLedger
}

// A vendor that cannot tell how a batch does for so long is down: the run ends, the batch goes on, and is found again.
const maxBlindLooks = 20

/** Sees one batch through, from its intent to its results. A batch refused as a whole is halved, down to single requests. */
export async function* followBatch(
  requests: readonly BatchRequest[],
  key: string,
  options: FollowOptions,
): AsyncGenerator<BatchResult> {
  const { vendor } = options
  const batchId = await createOnce(requests, key, options)
  const progress = await untilOver(batchId, options)
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
  const code = progress.code ?? "batch-failed"
  for (const { customId } of requests)
    yield {
      customId,
      status: "failed",
      code,
      message: "the batch was refused as a whole",
      again: code === "token_limit_exceeded",
    }
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
  tell(options, {
    type: isFound ? "adopted" : "submitted",
    vendor: vendor.name,
    batchId,
    done: 0,
    total: requests.length,
  })
  return batchId
}

async function untilOver(batchId: string, options: FollowOptions): Promise<BatchProgress> {
  const { vendor, signal, pollMs = runBatchesDefaults.pollMs, maxPollMs = runBatchesDefaults.maxPollMs } = options
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
        tell(options, { type, vendor: vendor.name, batchId, done, total, ...(code ? { code } : {}) })
      last = done
      if (progress.state !== "running") return progress
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (++blind >= maxBlindLooks) {
        throw new SluiceError(
          "vendor-error",
          `${vendor.name} batch ${batchId}: its state could not be read ${maxBlindLooks} times. It goes on there; run again with the same ledger to collect it.`,
          { cause: error, retryable: true, details: { batchId } },
        )
      }
    }
    // Half of it at least, so that a look is never for nothing; the rest by chance, so that batches are not looked at together.
    await pause(options, waitMs * (0.5 + options.random.next() / 2))
    waitMs = Math.min(maxPollMs, waitMs * 1.5)
  }
}

function pause({ clock, signal }: FollowOptions, delayMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = (): void => {
      cancel()
      reject(signal!.reason)
    }
    const cancel = clock.setTimer(delayMs, () => {
      signal?.removeEventListener("abort", onAbort)
      resolve()
    })
    signal?.addEventListener("abort", onAbort, { once: true })
  })
}

function tell(options: FollowOptions, event: BatchEvent): void {
  try {
    options.onBatch?.(event)
  } catch {
    // Whoever listens does not stop the batch.
  }
}
