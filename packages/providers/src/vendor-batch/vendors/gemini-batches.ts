import { at, textAt } from "../../vendors/reading/json-path.ts"
import { errorStatus, rpcCodeName } from "../../vendors/reading/error-status.ts"
import { isSpendCap } from "../../vendors/reading/refusal-words.ts"
import { vendorMessage } from "../../vendors/reading/vendor-message.ts"
import { gemini } from "../../vendors/gemini.ts"
import { endingList } from "./listed.ts"
import type { BatchRequest, BatchResult, BatchVendor } from "./batch-vendor.ts"

/** A job as far as it is read. */
export interface GeminiJob {
  readonly name?: string
  readonly displayName?: string
  readonly createTime?: string
  readonly error?: { readonly code?: number }
  readonly state?: string
  readonly dest?: { readonly inlinedResponses?: readonly GeminiResult[] }
  /** Finished requests, where the API is asked directly: the SDK leaves them out. */
  readonly counts?: { readonly done: number; readonly total: number }
}

interface GeminiResult {
  readonly metadata?: Readonly<Record<string, string>>
  readonly response?: unknown
  readonly error?: unknown
}

interface CallConfig {
  readonly abortSignal?: AbortSignal
}

/** What is used of `new GoogleGenAI(...)`. */
export interface GeminiBatchClient {
  readonly batches: {
    create(order: {
      model: string
      // What a request takes is the SDK's to say, and differs by its version.
      src: never[]
      config: CallConfig & { displayName: string }
    }): Promise<{ readonly name?: string }>
    get(params: { name: string; config?: CallConfig }): Promise<GeminiJob>
    list(params: { config: CallConfig & { pageSize: number } }): Promise<AsyncIterable<GeminiJob>>
    cancel(params: { name: string }): Promise<unknown>
  }
}

/** `geminiBatches` of the package, documented there. */
export function geminiBatches(client: GeminiBatchClient): BatchVendor {
  const { batches } = client
  return {
    name: "gemini",
    maxRequests: 50_000,
    // The 20 MB are those of the whole body; each request brings its frame.
    maxBytes: 19_000_000,
    priceShare: 0.5,
    sizeOf: (request) => new TextEncoder().encode(JSON.stringify(inlined(request))).length + 32,
    async create(requests, tag, signal) {
      const model = textAt(requests[0]?.body, "model") ?? ""
      const config = { displayName: tag, ...configOf(signal) }
      const { name } = await batches.create({ model, src: requests.map(inlined), config })
      if (name === undefined) throw new TypeError("Gemini made a batch without a name.")
      return name
    },
    async find(tag, { wallMs }, signal) {
      const listed = await batches.list({ config: { pageSize: 100, ...configOf(signal) } })
      for await (const job of endingList("gemini", listed, (one) => textAt(one, "name"))) {
        if (textAt(job, "displayName") === tag) return job.name
        if (Date.parse(textAt(job, "createTime") ?? "") < wallMs - 600_000) return undefined
      }
      return undefined
    },
    async progress(name, signal) {
      const { state = "", error, counts, dest } = await batches.get({ name, config: configOf(signal) })
      const total = counts?.total ?? dest?.inlinedResponses?.length ?? 0
      const done = counts?.done ?? dest?.inlinedResponses?.length ?? 0
      const code = error?.code === undefined ? {} : { code: `grpc-${error.code}` }
      return { state: stateOf(state), done, total, ...code }
    },
    async *results(name, signal) {
      const { dest } = await batches.get({ name, config: configOf(signal) })
      for (const result of dest?.inlinedResponses ?? []) {
        const customId = textAt(result, "metadata", "key")
        if (customId !== undefined) yield resultOf(customId, result)
      }
    },
    async cancel(name) {
      await batches.cancel({ name })
    },
  }
}

const inlined = ({ customId, body }: BatchRequest): never => ({ ...body, metadata: { key: customId } }) as never

const configOf = (signal: AbortSignal | undefined): CallConfig => (signal ? { abortSignal: signal } : {})

const endStates = new Set([
  "JOB_STATE_SUCCEEDED",
  "JOB_STATE_PARTIALLY_SUCCEEDED",
  "JOB_STATE_CANCELLED",
  "JOB_STATE_EXPIRED",
])

function stateOf(state: string): "running" | "ended" | "failed" {
  return state === "JOB_STATE_FAILED" ? "failed" : endStates.has(state) ? "ended" : "running"
}

function resultOf(customId: string, { response, error }: GeminiResult): BatchResult {
  if (response !== undefined && response !== null) {
    const usage = gemini.usage(response)
    return { customId, status: "ok", body: response, ...(usage ? { usage } : {}) }
  }
  const code = at(error, "code")
  const status = errorStatus(error)
  const again = status === 429 || status >= 499
  const message = vendorMessage(textAt(error, "message"))
  return {
    customId,
    status: "failed",
    code: `grpc-${String(code)}`,
    message,
    again,
    ...(isSpendCap(undefined, textAt(error, "message") ?? "") && { isSpendCap: true }),
    // As its HTTP API would have refused the call: SDKs read the words of no other form.
    answer: { status, body: { error: { status: rpcCodeName(code), ...(error as object), code: status } } },
  }
}
