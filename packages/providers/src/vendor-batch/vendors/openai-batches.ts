import { at, countAt, textAt } from "../../vendors/reading/json-path.ts"
import { isSpendCap } from "../../vendors/reading/spend-cap.ts"
import { vendorMessage } from "../../vendors/reading/vendor-message.ts"
import { openai } from "../../vendors/openai.ts"
import type { BatchProgress, BatchRequest, BatchResult, BatchVendor } from "./batch-vendor.ts"

export type OpenAIBatchEndpoint = "/v1/chat/completions" | "/v1/responses" | "/v1/embeddings"

interface CallOptions {
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
    create(file: { file: File; purpose: "batch" }, options?: CallOptions): PromiseLike<{ readonly id: string }>
    content(id: string, options?: CallOptions): PromiseLike<{ text(): Promise<string> }>
  }
  readonly batches: {
    create(
      order: {
        input_file_id: string
        endpoint: OpenAIBatchEndpoint
        completion_window: "24h"
        metadata: Record<string, string>
      },
      options?: CallOptions,
    ): PromiseLike<{ readonly id: string }>
    retrieve(id: string, options?: CallOptions): PromiseLike<OpenAIBatch>
    list(query: { limit: number }, options?: CallOptions): AsyncIterable<OpenAIBatch>
    cancel(id: string): PromiseLike<unknown>
  }
}

const endStates = new Set(["completed", "expired", "cancelled"])

/**
 * OpenAI's Batch API (files and batches), and the servers that copy it.
 * Merges the error file into the results; a batch that expired gives what it has, which is charged.
 *
 * Source: OpenAI, batch guide, read 2026-11: 50,000 requests, 200 MB, 24 h, half price.
 *
 * @example
 * ```ts
 * const vendor = openaiBatches(new OpenAI({ apiKey: "any" }))
 * vendor.maxRequests // => 50000
 * ```
 */
export function openaiBatches(
  client: OpenAIBatchClient,
  options: { readonly endpoint?: OpenAIBatchEndpoint } = {},
): BatchVendor {
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
      for await (const batch of client.batches.list({ limit: 100 }, { signal })) {
        if (batch.metadata?.["sluice"] === tag) return batch.id
        if (batch.created_at * 1000 < wallMs - 600_000) return undefined
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
        const text = await (await client.files.content(file, { signal })).text()
        for (const row of text.split("\n")) {
          const result = row.trim() === "" ? undefined : resultOf(row)
          if (result) yield result
        }
      }
    },
    async cancel(id) {
      await client.batches.cancel(id)
    },
  }
}

function resultOf(row: string): BatchResult | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(row)
  } catch {
    // Its request counts as missing, and is sent again.
    return undefined
  }
  const customId = textAt(parsed, "custom_id")
  if (customId === undefined) return undefined
  const status = countAt(parsed, "response", "status_code") ?? 0
  const body = at(parsed, "response", "body")
  if (status >= 200 && status < 300) {
    const usage = openai.usage(body)
    return { customId, status: "ok", body, ...(usage ? { usage } : {}) }
  }
  const error = at(parsed, "error") ?? at(body, "error")
  const code = textAt(error, "code") ?? textAt(error, "type") ?? `http-${status}`
  return {
    customId,
    status: "failed",
    code,
    message: vendorMessage(textAt(error, "message")),
    again: status === 0 || status === 429 || status >= 500,
    ...(isSpendCap(code, textAt(error, "message") ?? "") && { isSpendCap: true }),
    ...(status > 0 && { answer: { status, body } }),
  }
}
