import type { ModelCall } from "../../vendors/vendor.ts"
import { anthropicBatches } from "./anthropic-batches.ts"
import { anthropicHttp } from "./anthropic-http.ts"
import type { BatchHttp } from "./batch-http.ts"
import type { BatchVendor } from "./batch-vendor.ts"
import { geminiBatches } from "./gemini-batches.ts"
import { geminiHttp } from "./gemini-http.ts"
import { openaiBatches, type OpenAIBatchEndpoint } from "./openai-batches.ts"
import { openaiHttp } from "./openai-http.ts"

/** The batch API that takes calls like this one, by plain HTTP beside the call's own URL; `undefined` when there is none. */
type LaneVendor = (call: ModelCall, url: URL) => ((http: BatchHttp) => BatchVendor) | undefined

const openaiEndpoints: ReadonlyMap<string, OpenAIBatchEndpoint> = new Map([
  ["chat/completions", "/v1/chat/completions"],
  ["responses", "/v1/responses"],
  ["embeddings", "/v1/embeddings"],
])

const openaiLane: LaneVendor = ({ endpoint: called }, url) => {
  const endpoint = openaiEndpoints.get(called)
  return endpoint && ((http) => openaiBatches(openaiHttp(http, beside(url, `/${called}`)), { endpoint }))
}

const anthropicLane: LaneVendor = (_call, url) =>
  url.pathname.endsWith("/messages") ? (http) => anthropicBatches(anthropicHttp(http, beside(url, ""))) : undefined

const geminiLane: LaneVendor = ({ endpoint, model = "" }, url) => {
  const own = `/models/${encodeURIComponent(model)}:generateContent`
  if (endpoint !== "generateContent" || !url.pathname.endsWith(own)) return undefined
  return (http) => geminiBatches(geminiHttp(http, beside(url, own), model))
}

/** By name of the vendor. A new one is one line; a server that turns out to have no batches is asked once. */
export const laneVendors: ReadonlyMap<string, LaneVendor> = new Map([
  ["openai", openaiLane],
  ["groq", openaiLane],
  ["together", openaiLane],
  ["openai-compatible", openaiLane],
  ["anthropic", anthropicLane],
  ["gemini", geminiLane],
])

/** Makes URLs of paths in place of the call's own `end`; what the query says (a key, a version) stays. */
function beside(url: URL, end: string): (path: string) => URL {
  const base = url.pathname.slice(0, url.pathname.length - end.length)
  return (path) => {
    const made = new URL(url)
    made.pathname = base + path
    return made
  }
}
