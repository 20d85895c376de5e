import { at, countAt, textAt } from "../../vendors/reading/json-path.ts"
import { isSpendCap } from "../../vendors/reading/refusal-words.ts"
import { vendorMessage } from "../../vendors/reading/vendor-message.ts"
import { anthropic } from "../../vendors/anthropic.ts"
import { errorStatus } from "../../vendors/reading/error-status.ts"
import { endingRows } from "./json-rows.ts"
import { endingList } from "./listed.ts"
import type { BatchRequest, BatchResult, BatchVendor } from "./batch-vendor.ts"

interface SignalOption {
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
interface ResultRow {
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
        options?: SignalOption,
      ): PromiseLike<{ readonly id: string }>
      list(query: { limit: number }, options?: SignalOption): AsyncIterable<AnthropicBatch>
      retrieve(id: string, params: undefined, options?: SignalOption): PromiseLike<AnthropicBatch>
      results(id: string, params: undefined, options?: SignalOption): PromiseLike<AsyncIterable<ResultRow>>
      cancel(id: string): PromiseLike<unknown>
    }
  }
}

/** `anthropicBatches` of the package, documented there. */
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
      const listed = batches.list({ limit: 100 }, { signal })
      for await (const batch of endingList("anthropic", listed, (one) => textAt(one, "id"))) {
        if (Date.parse(textAt(batch, "created_at") ?? "") < wallMs - 600_000) break
        const counts = ["processing", "succeeded", "errored", "canceled", "expired"]
        const total = counts.reduce((sum, name) => sum + (countAt(batch, "request_counts", name) ?? 0), 0)
        if (total === count) alike.push({ id: batch.id, ended: batch.processing_status === "ended" })
      }
      for (const { id, ended } of alike) {
        if (!ended) continue
        for await (const result of await batches.results(id, undefined, { signal })) {
          if (has(textAt(result, "custom_id") ?? "")) return id
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
      for await (const row of endingRows(await batches.results(id, undefined, { signal }))) {
        const result = resultOf(row)
        if (result) yield result
      }
    },
    async cancel(id) {
      await batches.cancel(id)
    },
  }
}

/** `undefined` where it cannot be read: its request counts as missing, and is sent again. */
function resultOf(row: ResultRow): BatchResult | undefined {
  const customId = textAt(row, "custom_id")
  const outcome = textAt(row, "result", "type")
  if (customId === undefined || outcome === undefined) return undefined
  if (outcome === "succeeded") {
    const body = at(row, "result", "message")
    const usage = anthropic.usage(body)
    return { customId, status: "ok", body, ...(usage ? { usage } : {}) }
  }
  if (outcome !== "errored") return { customId, status: "failed", code: outcome, message: "", again: true }
  const body = at(row, "result", "error")
  const error = at(body, "error")
  const type = textAt(error, "type") ?? "unknown"
  const message = textAt(error, "message") ?? ""
  return {
    customId,
    status: "failed",
    code: type,
    message: vendorMessage(message),
    again: type !== "invalid_request_error",
    ...(isSpendCap(type, message) && { isSpendCap: true }),
    answer: { status: errorStatus(error), body },
  }
}
