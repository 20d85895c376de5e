import { isSpendCap } from "../../vendors/reading/spend-cap.ts"
import { vendorMessage } from "../../vendors/reading/vendor-message.ts"
import { anthropic } from "../../vendors/anthropic.ts"
import { errorStatus } from "../../vendors/reading/error-status.ts"
import type { BatchRequest, BatchResult, BatchVendor } from "./batch-vendor.ts"

interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/** A batch as far as it is read. */
export interface AnthropicBatch {
  readonly id: string
  readonly created_at: string
  readonly processing_status: string
  readonly request_counts: {
    readonly processing: number
    readonly succeeded: number
    readonly errored: number
    readonly canceled: number
    readonly expired: number
  }
}

/** A line of the results. */
interface Row {
  readonly custom_id: string
  readonly result:
    | { readonly type: "succeeded"; readonly message: unknown }
    | {
        readonly type: "errored"
        readonly error: { readonly error: { readonly type: string; readonly message: string } }
      }
    | { readonly type: "canceled" | "expired" }
}

/** What is used of `new Anthropic(...)`. */
export interface AnthropicBatchClient {
  readonly messages: {
    readonly batches: {
      create(
        // What a message takes is the SDK's to say, and differs by its version.
        order: { requests: { custom_id: string; params: never }[] },
        options?: CallOptions,
      ): PromiseLike<{ readonly id: string }>
      list(query: { limit: number }, options?: CallOptions): AsyncIterable<AnthropicBatch>
      retrieve(id: string, params: undefined, options?: CallOptions): PromiseLike<AnthropicBatch>
      results(id: string, params: undefined, options?: CallOptions): PromiseLike<AsyncIterable<Row>>
      cancel(id: string): PromiseLike<unknown>
    }
  }
}

/**
 * Anthropic's Message Batches API.
 *
 * Its batches carry no label. One that was created just before a crash is known by its time and size, and by the ids of
 * its results; where two are alike, none is taken, and the work is submitted again.
 *
 * Source: platform.claude.com, message batches, read 2026-11: 100,000 requests, 256 MB, 24 h, half price.
 *
 * @example
 * ```ts
 * const vendor = anthropicBatches(new Anthropic({ apiKey: "any" }))
 * vendor.maxRequests // => 100000
 * ```
 */
export function anthropicBatches(client: AnthropicBatchClient): BatchVendor {
  const { batches } = client.messages
  const entry = ({ customId, body }: BatchRequest): { custom_id: string; params: never } => ({
    custom_id: customId,
    params: body as never,
  })
  return {
    name: "anthropic",
    maxRequests: 100_000,
    maxBytes: 256_000_000,
    priceShare: 0.5,
    sizeOf: (request) => new TextEncoder().encode(JSON.stringify(entry(request))).length + 1,
    async create(requests, _tag, signal) {
      return (await batches.create({ requests: requests.map(entry) }, { signal })).id
    },
    async find(_tag, { wallMs, count, has }, signal) {
      const alike: { id: string; ended: boolean }[] = []
      for await (const batch of batches.list({ limit: 100 }, { signal })) {
        if (Date.parse(batch.created_at) < wallMs - 600_000) break
        const { processing, succeeded, errored, canceled, expired } = batch.request_counts
        if (processing + succeeded + errored + canceled + expired === count)
          alike.push({ id: batch.id, ended: batch.processing_status === "ended" })
      }
      for (const { id, ended } of alike) {
        if (!ended) continue
        for await (const result of await batches.results(id, undefined, { signal })) {
          if (has(result.custom_id)) return id
          break
        }
      }
      const running = alike.filter((one) => !one.ended)
      return running.length === 1 ? running[0]!.id : undefined
    },
    async progress(id, signal) {
      const { processing_status: status, request_counts: counts } = await batches.retrieve(id, undefined, { signal })
      const done = counts.succeeded + counts.errored + counts.canceled + counts.expired
      return { state: status === "ended" ? "ended" : "running", done, total: done + counts.processing }
    },
    async *results(id, signal) {
      for await (const row of await batches.results(id, undefined, { signal })) yield resultOf(row)
    },
    async cancel(id) {
      await batches.cancel(id)
    },
  }
}

function resultOf({ custom_id: customId, result }: Row): BatchResult {
  if (result.type === "succeeded") {
    const usage = anthropic.usage(result.message)
    return { customId, status: "ok", body: result.message, ...(usage ? { usage } : {}) }
  }
  if (result.type !== "errored") return { customId, status: "failed", code: result.type, message: "", again: true }
  const { type, message } = result.error.error
  return {
    customId,
    status: "failed",
    code: type,
    message: vendorMessage(message),
    again: type !== "invalid_request_error",
    ...(isSpendCap(type, message) && { isSpendCap: true }),
    answer: { status: errorStatus(result.error.error), body: result.error },
  }
}
