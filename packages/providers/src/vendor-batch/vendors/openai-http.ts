import { at as fieldAt, textAt } from "../../vendors/reading/json-path.ts"
import type { BatchHttp } from "./batch-http.ts"
import { type ListedPage, pages } from "./listed.ts"
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
      content: async (id, { signal } = {}) => ({ body: http.chunks(at(`/files/${id}/content`), signal) }),
    },
    batches: {
      create: async (order, { signal } = {}) =>
        (await http.json("POST", at("/batches"), order, signal)) as { id: string },
      retrieve: async (id, { signal } = {}) =>
        (await http.json("GET", at(`/batches/${id}`), undefined, signal)) as OpenAIBatch,
      list: ({ limit }, { signal } = {}) =>
        pages<OpenAIBatch>("openai", async (after) => {
          const url = at("/batches")
          url.searchParams.set("limit", `${limit}`)
          if (after !== undefined) url.searchParams.set("after", after)
          return pageOf(await http.json("GET", url, undefined, signal))
        }),
      cancel: (id) => http.json("POST", at(`/batches/${id}/cancel`)),
    },
  }
}

/** OpenAI and Anthropic go on behind the last entry of a page. */
export function pageOf(page: unknown): ListedPage {
  const entries = fieldAt(page, "data")
  const last: unknown = Array.isArray(entries) ? entries.at(-1) : undefined
  return { entries, next: fieldAt(page, "has_more") === true ? textAt(last, "id") : undefined }
}
