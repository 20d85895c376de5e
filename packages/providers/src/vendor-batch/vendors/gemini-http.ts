import { at, textAt } from "../../vendors/reading/json-path.ts"
import type { BatchHttp } from "./batch-http.ts"
import { pages } from "./listed.ts"
import type { GeminiBatchClient, GeminiJob } from "./gemini-batches.ts"

/**
 * Gemini's batches by plain HTTP, for calls whose SDK is not at hand. Requests and answers are those of the REST API.
 * `at` makes the URL of a path below the version: `/batches`.
 */
export function geminiHttp(http: BatchHttp, urlOf: (path: string) => URL, model: string): GeminiBatchClient {
  return {
    batches: {
      async create({ src, config: { displayName, abortSignal } }) {
        const requests = (src as readonly { readonly metadata: unknown }[]).map(({ metadata, ...request }) => ({
          request,
          metadata,
        }))
        const order = { batch: { displayName, inputConfig: { requests: { requests } } } }
        const url = urlOf(`/models/${encodeURIComponent(model)}:batchGenerateContent`)
        return jobOf(await http.json("POST", url, order, abortSignal))
      },
      get: async ({ name, config }) => jobOf(await http.json("GET", urlOf(`/${name}`), undefined, config?.abortSignal)),
      list: async ({ config }) => jobsOf(http, urlOf, config),
      cancel: ({ name }) => http.json("POST", urlOf(`/${name}:cancel`), {}),
    },
  }
}

async function* jobsOf(
  http: BatchHttp,
  urlOf: (path: string) => URL,
  { pageSize, abortSignal }: { readonly pageSize: number; readonly abortSignal?: AbortSignal },
): AsyncGenerator<GeminiJob> {
  const operations = pages("gemini", async (pageToken) => {
    const url = urlOf("/batches")
    url.searchParams.set("pageSize", `${pageSize}`)
    if (pageToken !== undefined) url.searchParams.set("pageToken", pageToken)
    const page = await http.json("GET", url, undefined, abortSignal)
    // An empty list is left out.
    return { entries: at(page, "operations") ?? [], next: textAt(page, "nextPageToken") }
  })
  for await (const operation of operations) yield jobOf(operation)
}

/** A long-running operation as the SDK shows it. */
function jobOf(operation: unknown): GeminiJob {
  const metadata = at(operation, "metadata")
  const responses = at(metadata, "output", "inlinedResponses", "inlinedResponses")
  const total = Number(at(metadata, "batchStats", "requestCount") ?? 0)
  const pending = Number(at(metadata, "batchStats", "pendingRequestCount") ?? total)
  return {
    name: textAt(operation, "name") ?? "",
    displayName: textAt(metadata, "displayName") ?? "",
    createTime: textAt(metadata, "createTime") ?? "",
    state: (textAt(metadata, "state") ?? "").replace("BATCH_STATE", "JOB_STATE"),
    counts: { total, done: total - pending },
    ...(Array.isArray(responses) ? { dest: { inlinedResponses: responses } } : {}),
  }
}
