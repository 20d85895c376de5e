import { type Clock, type Random, SluiceError } from "@sluice/core"
import { attemptLoop, retryDecision } from "@sluice/scheduler"
import { at, textAt } from "../../vendors/reading/json-path.ts"
import { retryDelay } from "../../vendors/reading/retry-delay.ts"
import { vendorMessage } from "../../vendors/reading/vendor-message.ts"

/** HTTP to a vendor's batch API with the headers of the call that started it, credentials included: held in memory only. */
export interface BatchHttp {
  /** Resolves to the parsed answer. @throws SluiceError `vendor-refused` or `vendor-error`, with `details.status`. */
  json(method: "GET" | "POST", url: URL, body?: unknown, signal?: AbortSignal): Promise<unknown>
  text(url: URL, signal?: AbortSignal): Promise<string>
  upload(url: URL, form: FormData, signal?: AbortSignal): Promise<unknown>
}

export interface BatchHttpOptions {
  readonly vendor: string
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  readonly headers: Headers
  readonly clock: Clock
  readonly random: Random
  /** Per request, upload and download included. */
  readonly timeoutMs: number
}

/** What belongs to one request and not to its caller. */
const ownHeaders =
  /^(content-|transfer-encoding$|accept|connection$|host$|idempotency-key$|x-stainless-(retry-count|timeout)$|traceparent$)/

/** The headers of a call that another call of the same caller has too. */
export function callerHeaders(headers: Headers): Headers {
  return new Headers([...headers].filter(([name]) => !ownHeaders.test(name)))
}

// A look at a batch is cheap, and its vendor may be down for minutes.
const maxAttempts = 6

export function batchHttp({ vendor, fetch, headers, clock, random, timeoutMs }: BatchHttpOptions): BatchHttp {
  const once = async (url: URL, init: RequestInit, extra: Record<string, string>): Promise<string> => {
    const all = new Headers(headers)
    for (const [name, value] of Object.entries(extra)) all.set(name, value)
    const controller = new AbortController()
    const disarm = clock.setTimer(timeoutMs, () => {
      controller.abort(new DOMException(`No answer within ${timeoutMs} ms`, "TimeoutError"))
    })
    const signal = init.signal ? AbortSignal.any([init.signal, controller.signal]) : controller.signal
    try {
      const response = await fetch(url.href, { ...init, headers: all, signal })
      const text = await response.text()
      if (response.ok) return text
      throw refusal(vendor, url, response, text, clock.wallNow())
    } finally {
      disarm()
    }
  }
  const send = (url: URL, init: RequestInit, extra: Record<string, string> = {}): Promise<string> =>
    attemptLoop(() => once(url, init, extra), {
      maxAttempts,
      decide: (error, attempt) => {
        const { status, retryAfterMs } = statusOf(error)
        // What may have been done already is not done again: whoever asked looks for it.
        const retryable = status === 429 || (init.method === "GET" && (status === 0 || status >= 500))
        const reason = `http-${status}`
        const delay = retryAfterMs === undefined ? {} : { retryAfterMs }
        return retryDecision({ retryable, reason, ...delay }, attempt, undefined, random)
      },
      clock,
      random,
      signal: init.signal ?? undefined,
    })
  return {
    async json(method, url, body, signal) {
      const text = await send(
        url,
        { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }), ...(signal ? { signal } : {}) },
        body === undefined ? {} : { "content-type": "application/json" },
      )
      return text === "" ? {} : (JSON.parse(text) as unknown)
    },
    text: (url, signal) => send(url, { method: "GET", ...(signal ? { signal } : {}) }),
    async upload(url, form, signal) {
      return JSON.parse(await send(url, { method: "POST", body: form, ...(signal ? { signal } : {}) })) as unknown
    },
  }
}

/** The status of a refused request; 0 when there was no answer. */
export function statusOf(error: unknown): { readonly status: number; readonly retryAfterMs?: number } {
  const { status, statusCode, code, details } = (error ?? {}) as Record<string, unknown>
  const found = at(details, "status") ?? status ?? statusCode ?? code
  const retryAfterMs = at(details, "retryAfterMs")
  return {
    status: typeof found === "number" ? found : 0,
    ...(typeof retryAfterMs === "number" ? { retryAfterMs } : {}),
  }
}

function refusal(vendor: string, url: URL, { status, headers }: Response, text: string, wallMs: number): SluiceError {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    body = undefined
  }
  const message = vendorMessage(textAt(body, "error", "message"))
  const retryAfterMs = retryDelay(headers, wallMs)
  return new SluiceError(
    status >= 500 ? "vendor-error" : "vendor-refused",
    `${vendor} batches, ${url.pathname}: HTTP ${status}${message === "" ? "" : `: ${message}`}`,
    {
      retryable: status === 429 || status >= 500,
      details: { vendor, status, ...(retryAfterMs ? { retryAfterMs } : {}) },
    },
  )
}
