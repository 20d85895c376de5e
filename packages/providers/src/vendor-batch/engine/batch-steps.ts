import { type Clock, type Random, SluiceError } from "@sluice/core"
import { retryDecision, type RetryDecision, retryDefaults, sleep } from "@sluice/scheduler"
import { jsonOrText } from "../../http/json-or-text.ts"
import { toldDelay } from "../../vendors/reading/retry-delay.ts"
import { isSpendCap } from "../../vendors/reading/refusal-words.ts"
import { statusOf } from "../vendors/batch-http.ts"
import type { BatchEvent, BatchProgress, BatchRequest, BatchResult, BatchVendor } from "../vendors/batch-vendor.ts"
import type { NotedBatch } from "./batch-record.ts"
import { persistently } from "./persistently.ts"

/** What every step at the vendor needs. */
export interface BatchStepOptions {
  readonly vendor: BatchVendor
  readonly clock: Clock
  readonly random: Random
  /** First and longest wait between two looks. */
  readonly pollMs: number
  readonly maxPollMs: number
  /** Looks in a row without an answer that end the watch: the vendor is down. */
  readonly maxBlindLooks: number
  readonly onBatch?: ((event: BatchEvent) => void) | undefined
}

// A batch whose creation had no clear answer is looked for this often before it counts as not made.
const maxFinds = 3

/** Has the vendor make a batch. Resolves to its id. @throws what the vendor refuses it with. */
export function createBatch(
  requests: readonly BatchRequest[],
  noted: NotedBatch,
  options: BatchStepOptions,
  signal: AbortSignal,
): Promise<string> {
  const create = async (): Promise<string> => {
    try {
      return await options.vendor.create(requests, noted.tag, signal)
    } catch (error) {
      signal.throwIfAborted()
      const { status } = statusOf(error)
      // The answer may be lost, not the batch.
      const found = status === 0 || status >= 500 ? await findBatch(noted, options, signal) : undefined
      if (found === undefined) throw error
      return found
    }
  }
  return untilTaken(create, options, signal)
}

/** The id of a batch that was asked for, if there is one. */
export async function findBatch(
  { tag, wallMs, ids }: NotedBatch,
  options: BatchStepOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { vendor, clock, pollMs } = options
  const known = new Set(ids)
  const since = { wallMs, count: ids.length, has: (id: string) => known.has(id) }
  for (let find = 1; ; find++) {
    const found = await untilTaken(() => vendor.find(tag, since, signal), options, signal)
    if (found !== undefined || find === maxFinds) return found
    await sleep(clock, pollMs, signal)
  }
}

/** Looks at a batch, with jitter, until it is over. @throws what a look throws when looking again is useless. */
export async function watchBatch(
  batchId: string,
  options: BatchStepOptions,
  signal: AbortSignal,
): Promise<BatchProgress> {
  const { vendor, clock, random, maxPollMs, maxBlindLooks } = options
  let waitMs = options.pollMs
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
      signal.throwIfAborted()
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
    await sleep(clock, waitMs * (0.5 + random.next() / 2), signal)
    waitMs = Math.min(maxPollMs, waitMs * 1.5)
  }
}

/** Everything that a batch has brought, from its beginning again where the vendor breaks off: a result may come twice. */
export async function* readBatch(
  batchId: string,
  options: BatchStepOptions,
  signal: AbortSignal,
): AsyncGenerator<BatchResult> {
  const { vendor, clock, pollMs, maxBlindLooks } = options
  for (let look = 1; ; look++) {
    try {
      yield* vendor.results(batchId, signal)
      return
    } catch (error) {
      signal.throwIfAborted()
      if (look === maxBlindLooks || isFinal(statusOf(error).status)) throw error
      await sleep(clock, pollMs, signal)
    }
  }
}

export function tellBatch({ onBatch }: Pick<BatchStepOptions, "onBatch">, event: BatchEvent): void {
  try {
    onBatch?.(event)
  } catch {
    // Whoever listens does not stop the batch.
  }
}

/** No such batch, or not ours: it will not come to be. */
function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 409 && status !== 429
}

/** Once more while the vendor is down or asks to wait. What it refuses for good is thrown as it is. */
function untilTaken<T>(act: () => Promise<T>, { clock, random }: BatchStepOptions, signal: AbortSignal): Promise<T> {
  const decide = (error: unknown, attempt: number): RetryDecision => {
    const { status, retryAfterMs = delayOf(error, clock) } = statusOf(error)
    const retryable = !isFinal(status) && !isForMoney(error)
    return retryDecision(
      { retryable, reason: `http-${status}`, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
      attempt,
      undefined,
      random,
    )
  }
  return persistently(act, decide, { maxAttempts: retryDefaults.maxAttempts, clock, signal })
}

/** Whether an error of a vendor's batch API says that the account may spend no more. */
export function isForMoney(error: unknown): boolean {
  const { code, message, details } = (error ?? {}) as Readonly<Record<string, unknown>>
  const vendorCode = (details as { readonly code?: unknown } | undefined)?.code ?? code
  return isSpendCap(typeof vendorCode === "string" ? vendorCode : undefined, String(message))
}

/** In what the error of an official SDK keeps of the answer: OpenAI's and Anthropic's have its parts, Google's its text. */
function delayOf(error: unknown, clock: Clock): number | undefined {
  const { headers, error: body, message } = (error ?? {}) as Readonly<Record<string, unknown>>
  return toldDelay(
    headers instanceof Headers ? headers : new Headers(),
    body === undefined ? jsonOrText(String(message)) : { error: body },
    clock.wallNow(),
  )
}
