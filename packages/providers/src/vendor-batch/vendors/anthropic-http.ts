import type { AnthropicBatch, AnthropicBatchClient } from "./anthropic-batches.ts"
import type { BatchHttp } from "./batch-http.ts"

type Row =
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
        async *list({ limit }, { signal } = {}) {
          let after: string | undefined
          for (;;) {
            const url = at("/batches")
            url.searchParams.set("limit", `${limit}`)
            if (after !== undefined) url.searchParams.set("after_id", after)
            const page = (await http.json("GET", url, undefined, signal)) as {
              data: AnthropicBatch[]
              has_more?: boolean
            }
            yield* page.data
            after = page.data.at(-1)?.id
            if (!page.has_more || after === undefined) return
          }
        },
        async results(id, _params, { signal } = {}) {
          const text = await http.text(at(`/batches/${id}/results`), signal)
          return rowsOf(text)
        },
        cancel: (id) => http.json("POST", at(`/batches/${id}/cancel`)),
      },
    },
  }
}

async function* rowsOf(text: string): AsyncGenerator<Row> {
  for (const line of text.split("\n")) {
    let row: Row | undefined
    try {
      row = line.trim() === "" ? undefined : (JSON.parse(line) as Row)
    } catch {
      // Its request counts as missing, and is sent again.
    }
    if (row) yield row
  }
}
