import { checkOptions, text } from "@sluice/core/internal"
import { at, countAt, textAt } from "../../vendors/reading/json-path.ts"
import { isSpendCap } from "../../vendors/reading/refusal-words.ts"
import { vendorMessage } from "../../vendors/reading/vendor-message.ts"
import { openai } from "../../vendors/openai.ts"
import { jsonRows } from "./json-rows.ts"
import { endingList } from "./listed.ts"
import type { BatchProgress, BatchRequest, BatchResult, BatchVendor } from "./batch-vendor.ts"

export type OpenAIBatchEndpoint = "/v1/chat/completions" | "/v1/responses" | "/v1/embeddings"

/** Browsers' types do not say that a stream can be iterated. */
type FileBody = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>

interface OpenAIRequestOptions {
  readonly signal?: AbortSignal | undefined
}

/** A batch as far as it is read. */
export interface OpenAIBatch {
  readonly id: string
  readonly status: string
  readonly created_at: number
  readonly output_file_id?: string | null
  readonly error_file_id?: string | null
  readonly request_counts?: { readonly completed: number; readonly failed: number; readonly total: number }
  readonly errors?: { readonly data?: readonly { readonly code?: string; readonly line?: number | null }[] } | null
  readonly metadata?: Readonly<Record<string, string>> | null
}

/** What is used of `new OpenAI(...)`. */
export interface OpenAIBatchClient {
  readonly files: {
    create(file: { file: File; purpose: "batch" }, options?: OpenAIRequestOptions): PromiseLike<{ readonly id: string }>
    content(id: string, options?: OpenAIRequestOptions): PromiseLike<{ readonly body: FileBody | null }>
  }
  readonly batches: {
    create(
      order: {
        input_file_id: string
        endpoint: OpenAIBatchEndpoint
        completion_window: "24h"
        metadata: Record<string, string>
      },
      options?: OpenAIRequestOptions,
    ): PromiseLike<{ readonly id: string }>
    retrieve(id: string, options?: OpenAIRequestOptions): PromiseLike<OpenAIBatch>
    list(query: { limit: number }, options?: OpenAIRequestOptions): AsyncIterable<OpenAIBatch>
    cancel(id: string): PromiseLike<unknown>
  }
}

const endStates = new Set(["completed", "expired", "cancelled"])

/** `openaiBatches` of the package, documented there. */
export function openaiBatches(
  client: OpenAIBatchClient,
  options: { readonly endpoint?: OpenAIBatchEndpoint } = {},
): BatchVendor {
  checkOptions<{ endpoint?: OpenAIBatchEndpoint }>("openaiBatches", options, { endpoint: text })
  const endpoint = options.endpoint ?? "/v1/chat/completions"
  const line = ({ customId, body }: BatchRequest): string =>
    `${JSON.stringify({ custom_id: customId, method: "POST", url: endpoint, body })}\n`
  return {
    name: "openai",
    maxRequests: 50_000,
    maxBytes: 200_000_000,
    priceShare: 0.5,
    sizeOf: (request) => new TextEncoder().encode(line(request)).length,
    async create(requests, tag, signal) {
      const file = await client.files.create(
        { file: new File(requests.map(line), `${tag}.jsonl`), purpose: "batch" },
        { signal },
      )
      const batch = await client.batches.create(
        { input_file_id: file.id, endpoint, completion_window: "24h", metadata: { sluice: tag } },
        { signal },
      )
      return batch.id
    },
    async find(tag, { wallMs }, signal) {
      // Newest first. The clocks of two machines may differ by some minutes.
      const listed = client.batches.list({ limit: 100 }, { signal })
      for await (const batch of endingList("openai", listed, (one) => textAt(one, "id"))) {
        if (textAt(batch, "metadata", "sluice") === tag) return batch.id
        if ((countAt(batch, "created_at") ?? Infinity) * 1000 < wallMs - 600_000) return undefined
      }
      return undefined
    },
    async progress(id, signal): Promise<BatchProgress> {
      const batch = await client.batches.retrieve(id, { signal })
      const { completed = 0, failed = 0, total = 0 } = batch.request_counts ?? {}
      const errors = batch.errors?.data ?? []
      const code = errors[0]?.code
      const faulty = errors.flatMap(({ line }) => (typeof line === "number" ? [line - 1] : []))
      return {
        state: batch.status === "failed" ? "failed" : endStates.has(batch.status) ? "ended" : "running",
        done: completed + failed,
        total,
        ...(code ? { code } : {}),
        ...(faulty.length > 0 ? { faulty } : {}),
      }
    },
    async *results(id, signal) {
      const batch = await client.batches.retrieve(id, { signal })
      for (const file of [batch.output_file_id, batch.error_file_id]) {
        if (!file) continue
        const { body } = await client.files.content(file, { signal })
        for await (const row of jsonRows((body ?? []) as AsyncIterable<Uint8Array>)) {
          const result = resultOf(row)
          if (result) yield result
        }
      }
    },
    async cancel(id) {
      await client.batches.cancel(id)
    },
  }
}

/** `undefined` where it cannot be read: its request counts as missing, and is sent again. */
function resultOf(row: unknown): BatchResult | undefined {
  const customId = textAt(row, "custom_id")
  if (customId === undefined) return undefined
  const status = countAt(row, "response", "status_code") ?? 0
  const body = at(row, "response", "body")
  if (status >= 200 && status < 300) {
    const usage = openai.usage(body)
    return { customId, status: "ok", body, ...(usage ? { usage } : {}) }
  }
  const error = at(row, "error") ?? at(body, "error")
  const code = textAt(error, "code") ?? textAt(error, "type") ?? `http-${status}`
  return {
    customId,
    status: "failed",
    code,
    message: vendorMessage(textAt(error, "message")),
    again: status === 0 || status === 429 || status >= 500,
    ...(isSpendCap(code, textAt(error, "message") ?? "") && { isSpendCap: true }),
    ...(status >= 400 && status < 600 && { answer: { status: Math.floor(status), body } }),
  }
}
