import type { Clock, Random } from "@sluice/core"
import { attemptLoop, retryDecision, retryDefaults } from "@sluice/scheduler"
import { retryDelay } from "../vendors/reading/retry-delay.ts"
import { isSpendCap } from "../vendors/reading/spend-cap.ts"
import { statusOf } from "./vendors/batch-http.ts"
import type { BatchLedger } from "./batch-ledger.ts"
import type { BatchRequest, BatchResult } from "./vendors/batch-vendor.ts"
import { collectBatch } from "./collect-batch.ts"
import type { RunBatchesOptions } from "./run-batches-options.ts"
import { isFinal, tellBatch, watchBatch } from "./watch-batch.ts"

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
  const { batchId, isOld } = await createOnce(requests, key, options)
  const progress = await watchBatch(batchId, options)
  if (progress.state === "ended") {
    for await (const result of collectBatch(batchId, options))
      // What an earlier run was refused for want of money may have been paid for since.
      yield isOld && result.status === "failed" && result.isSpendCap
        ? { ...result, again: true, isSpendCap: false }
        : result
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

/** A batch, whether it was created just now, earlier, or by a process that died before it could say so. */
async function createOnce(
  requests: readonly BatchRequest[],
  key: string,
  options: FollowOptions,
): Promise<{ readonly batchId: string; readonly isOld: boolean }> {
  const { vendor, ledger, clock, signal } = options
  const created = await ledger.read(`${key}/created`)
  if (typeof created === "string") return { batchId: created, isOld: true }
  const intent = (await ledger.read(`${key}/intent`)) as { wallMs: number; count: number } | undefined
  const made = intent ?? { wallMs: clock.wallNow(), count: requests.length }
  if (!intent) await ledger.write(`${key}/intent`, made)
  const ids = new Set(requests.map((request) => request.customId))
  const tag = `sluice-${key.replaceAll("/", "-")}`
  const find = (): Promise<string | undefined> =>
    vendor.find(tag, { ...made, has: (customId) => ids.has(customId) }, signal)
  const found = intent && (await persistently(find, options))
  const batchId = found ?? (await persistently(() => createOrFind(requests, tag, find, options), options))
  await ledger.write(`${key}/created`, batchId)
  tellBatch(options, {
    type: found === undefined ? "submitted" : "adopted",
    vendor: vendor.name,
    batchId,
    done: 0,
    total: requests.length,
  })
  return { batchId, isOld: found !== undefined }
}

async function createOrFind(
  requests: readonly BatchRequest[],
  tag: string,
  find: () => Promise<string | undefined>,
  { vendor, signal }: FollowOptions,
): Promise<string> {
  try {
    return await vendor.create(requests, tag, signal)
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    // The answer may be lost, not the batch.
    const found = await find()
    if (found === undefined) throw error
    return found
  }
}

/** Once more while the vendor is down or asks to wait. What it refuses for good is thrown as it is. */
function persistently<T>(act: () => Promise<T>, { clock, random, signal }: FollowOptions): Promise<T> {
  return attemptLoop(act, {
    maxAttempts: retryDefaults.maxAttempts,
    decide: (error, attempt) => {
      const { status, retryAfterMs = delayOf(error, clock) } = statusOf(error)
      const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
      const isOfMoney = isSpendCap(typeof code === "string" ? code : undefined, String(message))
      const retryable = !isFinal(status) && !isOfMoney
      return retryDecision(
        { retryable, reason: `http-${status}`, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
        attempt,
        undefined,
        random,
      )
    },
    clock,
    random,
    signal,
  })
}

/** What the error of an official SDK keeps of the answer. */
function delayOf(error: unknown, clock: Clock): number | undefined {
  const { headers } = (error ?? {}) as { readonly headers?: unknown }
  return headers instanceof Headers ? retryDelay(headers, clock.wallNow()) : undefined
}
