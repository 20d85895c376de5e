import type { BatchHttp } from "./batch-http.ts"
import type { OpenAIBatch, OpenAIBatchClient } from "./openai-batches.ts"

/** OpenAI's files and batches by plain HTTP, for calls whose SDK is not at hand. `at` makes the URL of a path. */
export function openaiHttp(http: BatchHttp, at: (path: string) => URL): OpenAIBatchClient {
  return {
    files: {
      async create({ file, purpose }, { signal } = {}) {
        const form = new FormData()
        form.set("purpose", purpose)
        form.set("file", file)
        return (await http.upload(at("/files"), form, signal)) as { id: string }
      },
      async content(id, { signal } = {}) {
        const text = await http.text(at(`/files/${id}/content`), signal)
        return { text: async () => text }
      },
    },
    batches: {
      create: async (order, { signal } = {}) =>
        (await http.json("POST", at("/batches"), order, signal)) as { id: string },
      retrieve: async (id, { signal } = {}) =>
        (await http.json("GET", at(`/batches/${id}`), undefined, signal)) as OpenAIBatch,
      async *list({ limit }, { signal } = {}) {
        let after: string | undefined
        for (;;) {
          const url = at("/batches")
          url.searchParams.set("limit", `${limit}`)
          if (after !== undefined) url.searchParams.set("after", after)
          const page = (await http.json("GET", url, undefined, signal)) as { data: OpenAIBatch[]; has_more?: boolean }
          yield* page.data
          after = page.data.at(-1)?.id
          if (!page.has_more || after === undefined) return
        }
      },
      cancel: (id) => http.json("POST", at(`/batches/${id}/cancel`)),
    },
  }
}
