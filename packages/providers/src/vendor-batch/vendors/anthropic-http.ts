import type { AnthropicBatch, AnthropicBatchClient } from "./anthropic-batches.ts"
import type { BatchHttp } from "./batch-http.ts"
import { jsonRows } from "./json-rows.ts"
import { pages } from "./listed.ts"
import { pageOf } from "./openai-http.ts"

type AnthropicRow =
  Awaited<ReturnType<AnthropicBatchClient["messages"]["batches"]["results"]>> extends AsyncIterable<infer R> ? R : never

/** Anthropic's message batches by plain HTTP, for calls whose SDK is not at hand. `at` makes the URL of a path. */
export function anthropicHttp(http: BatchHttp, at: (path: string) => URL): AnthropicBatchClient {
  return {
    messages: {
      batches: {
        create: async (order, { signal } = {}) =>
          (await http.json("POST", at("/batches"), order, signal)) as { id: string },
        retrieve: async (id, _params, { signal } = {}) =>
          (await http.json("GET", at(`/batches/${id}`), undefined, signal)) as AnthropicBatch,
        list: ({ limit }, { signal } = {}) =>
          pages<AnthropicBatch>("anthropic", async (after) => {
            const url = at("/batches")
            url.searchParams.set("limit", `${limit}`)
            if (after !== undefined) url.searchParams.set("after_id", after)
            return pageOf(await http.json("GET", url, undefined, signal))
          }),
        results: async (id, _params, { signal } = {}) =>
          jsonRows(http.chunks(at(`/batches/${id}/results`), signal)) as AsyncIterable<AnthropicRow>,
        cancel: (id) => http.json("POST", at(`/batches/${id}/cancel`)),
      },
    },
  }
}
