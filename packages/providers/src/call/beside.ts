import { SluiceError } from "@sluice/core"
import { attemptLoop, type RetryDecision, retryDecision, retryDefaults } from "@sluice/scheduler"
import { readBody } from "../http/body.ts"
import { fetchOnOrigin, RedirectRefused } from "../http/on-origin.ts"
import { readAtMost } from "../http/read-at-most.ts"
import { type FetchInput, headerReader, methodOf } from "../http/request.ts"
import { refilledResponse, withoutOurHeaders } from "../http/response.ts"
import type { FetchContext } from "./context.ts"
import { vendors } from "../vendors/find-vendor.ts"
import { errorOf, errorText } from "../vendors/reading/error-text.ts"
import { textAt } from "../vendors/reading/json-path.ts"
import { toldDelay } from "../vendors/reading/retry-delay.ts"
import { isSpendCap } from "../vendors/reading/spend-cap.ts"

/** What vendors have beside their models, after the version in the path. */
const resources = new Set([
  "assistants",
  "batches",
  "cachedContents",
  "containers",
  "conversations",
  "count_tokens",
  "evals",
  "files",
  "fine_tuning",
  "fine-tunes",
  "input_tokens",
  "models",
  "operations",
  "responses",
  "threads",
  "tokenize",
  "uploads",
  "vector_stores",
  "videos",
])
const version = /^v\d{1,2}(?:alpha|beta)?\d{0,2}$/

/** Whether a request goes to a vendor's API without asking a model: by host, else by the shape of the path. */
export function isBesideModels({ hostname, pathname }: URL): boolean {
  if (vendors.some((vendor) => vendor.hosts(hostname))) return true
  const parts = pathname.split("/")
  const api = parts.findIndex((part) => version.test(part))
  return api >= 0 && parts.slice(api + 1).some((part) => resources.has(part.split(":")[0]!))
}

/** An attempt's end that may be followed by another. */
class BesideFailure extends Error {
  readonly response: Response | undefined
  readonly decision: (attempt: number) => RetryDecision

  constructor(response: Response | undefined, decision: (attempt: number) => RetryDecision, cause?: unknown) {
    super("a call beside models failed", { cause })
    this.response = response
    this.decision = decision
  }
}

// The vendor says that it has not begun.
const refusedAtOnce = new Set([429, 503, 529])
// What it makes twice costs nothing.
const harmless = /\/(?:files|uploads|count_?tokens|input_tokens|cancel|tokenize)$|:(?:countTokens|cancel)$/

/**
 * Sends a call that is no model call: uploads, files, batches, models, counts of tokens. It has no quota; it is tried again after the
 * vendor's fault and after "too fast", as long as that cannot make anything twice. A final answer is the vendor's own.
 */
export async function sendBeside(
  context: FetchContext,
  url: URL,
  input: FetchInput,
  init: RequestInit | undefined,
): Promise<Response> {
  const { clock, random, budget, retry, timeoutMs } = context
  const method = methodOf(input, init)
  const request = input instanceof Request ? input : undefined
  const isJson = (): boolean => headerReader(input, init)("content-type")?.includes("json") ?? false
  const given = init?.body ?? (request?.body ? request : undefined)
  const { repeatable, replacement } = await readBody(given, isJson)
  const sent: RequestInit = replacement ? { ...init, body: replacement } : { ...init }
  const signal = init?.signal ?? request?.signal
  const canRepeat = method !== "POST" || harmless.test(url.pathname)
  const decide = (retryable: boolean, reason: string, retryAfterMs?: number) => (attempt: number) =>
    retryDecision(
      { retryable, reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
      attempt,
      retry?.backoff,
      random,
    )
  const once = async (): Promise<Response> => {
    const controller = new AbortController()
    const disarm = clock.setTimer(timeoutMs, () =>
      controller.abort(new DOMException(`timed out: no answer within ${timeoutMs} ms (timeoutMs)`, "TimeoutError")),
    )
    try {
      const either = signal ? AbortSignal.any([signal, controller.signal]) : controller.signal
      const response = withoutOurHeaders(
        await fetchOnOrigin(context.fetch, input, { ...sent, signal: either }, method === "GET"),
      )
      const { status } = response
      // The body of an answer is the caller's, and takes as long as it takes.
      if (status !== 408 && status !== 409 && status !== 429 && status < 500) return response
      const { bytes } = await readAtMost(response, longestError)
      throw new BesideFailure(refilledResponse(response, bytes), decisionOn(response, bytes))
    } catch (error) {
      if (error instanceof BesideFailure) throw error
      if (signal?.aborted) throw signal.reason
      if (error instanceof RedirectRefused) throw new SluiceError("vendor-refused", error.message, { cause: error })
      throw new BesideFailure(undefined, decide(canRepeat, "connection"), error)
    } finally {
      disarm()
    }
  }
  const decisionOn = ({ status, headers }: Response, bytes: Uint8Array): ((attempt: number) => RetryDecision) => {
    const body = parsed(bytes)
    const error = errorOf(body)
    const isFinal =
      headers.get("x-should-retry") === "false" ||
      (status < 500 && isSpendCap(textAt(error, "code") ?? textAt(error, "type"), errorText(body)))
    const retryable = !isFinal && (canRepeat || refusedAtOnce.has(status))
    return decide(retryable, `http-${status}`, toldDelay(headers, body, clock.wallNow()))
  }
  try {
    return await attemptLoop(once, {
      maxAttempts: repeatable ? (retry?.maxAttempts ?? retryDefaults.maxAttempts) : 1,
      decide: (error, attempt) =>
        error instanceof BesideFailure ? error.decision(attempt) : { retry: false, reason: "error" },
      clock,
      random,
      budget,
      signal: signal ?? undefined,
    })
  } catch (error) {
    if (!(error instanceof BesideFailure)) throw error
    if (error.response) return error.response
    throw error.cause
  }
}

const longestError = 1_048_576

function parsed(bytes: Uint8Array): unknown {
  const text = new TextDecoder().decode(bytes)
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
