import { type Clock, SluiceError } from "@sluice/core"
import { withoutKeys } from "../../call/failure/without-keys.ts"
import { hideSecrets } from "../../call/hide-secrets.ts"
import { credentialsOf } from "../../accounts/account-label.ts"
import { timeLimit } from "../../call/time-limit.ts"
import { jsonOrText } from "../../http/json-or-text.ts"
import { followRedirects } from "../../http/sending/follow-redirects.ts"
import { fetchOnOrigin } from "../../http/sending/on-origin.ts"
import { longestError, readAtMost } from "../../http/read-at-most.ts"
import { parseAnswer } from "../../http/response.ts"
import { RefusedHere } from "../../http/sending/refused-here.ts"
import { openaiCompatible } from "../../vendors/openai-compatible.ts"
import { at, textAt } from "../../vendors/reading/json-path.ts"
import { toldDelay } from "../../vendors/reading/retry-delay.ts"
import { vendorMessage } from "../../vendors/reading/vendor-message.ts"

/** HTTP to a vendor's batch API with the headers of the call that started it, credentials included: held in memory only. */
export interface BatchHttp {
  /** Resolves to the parsed answer. @throws SluiceError `vendor-refused` or `vendor-error`, with `details.status`. */
  json(method: "GET" | "POST", url: URL, body?: unknown, signal?: AbortSignal): Promise<unknown>
  /** A file, as it comes. */
  chunks(url: URL, signal?: AbortSignal): AsyncIterable<Uint8Array>
  upload(url: URL, form: FormData, signal?: AbortSignal): Promise<unknown>
}

export interface BatchHttpOptions {
  readonly vendor: string
  readonly fetch: typeof globalThis.fetch
  readonly headers: Headers
  readonly clock: Clock
  /** Per request, upload and download included; of a file, between two pieces. */
  readonly timeoutMs: number
}

/** What belongs to one request and not to its caller. */
const ownHeaders =
  /^(content-|transfer-encoding$|accept|connection$|host$|idempotency-key$|x-stainless-(retry-count|timeout)$|traceparent$)/

/** The headers of a call that another call of the same caller has too. */
export function callerHeaders(headers: Headers): Headers {
  return new Headers([...headers].filter(([name]) => !ownHeaders.test(name)))
}

// A list of batches, or results inside of one answer.
const longestAnswer = 256_000_000

interface Opened {
  readonly response: Response
  readonly controller: AbortController
  /** Must be called once its body is read. */
  readonly disarm: () => void
}

/** Each request is sent once: who goes on after a failure is the engine's business. */
export function batchHttp({ vendor, fetch, headers, clock, timeoutMs }: BatchHttpOptions): BatchHttp {
  const hideOf = (url: URL): ((text: string) => string) =>
    hideSecrets(credentialsOf(openaiCompatible, url, (name) => headers.get(name)))
  // What is said in our own words has had its keys taken out, and its details decide what is done.
  const hidden = (error: unknown, url: URL): unknown =>
    error instanceof SluiceError ? error : withoutKeys(error, hideOf(url))
  const open = async (url: URL, init: RequestInit): Promise<Opened> => {
    const { controller, disarm } = timeLimit(clock, timeoutMs)
    const signal = init.signal ? AbortSignal.any([init.signal, controller.signal]) : controller.signal
    try {
      const all = new Headers([...headers, ...new Headers(init.headers)])
      const asked = { ...init, headers: all, signal }
      const response = await fetchOnOrigin({ fetch, follow: followRedirects }, url.href, asked, init.method === "GET")
      if (response.ok) return { response, controller, disarm }
      const { bytes } = await readAtMost(response, longestError)
      throw refusal(vendor, url, response, new TextDecoder().decode(bytes), clock.wallNow(), hideOf(url))
    } catch (error) {
      disarm()
      throw error instanceof RefusedHere
        ? new SluiceError("vendor-refused", `${vendor} batches: ${error.message}`, { details: { vendor, status: 400 } })
        : hidden(error, url)
    }
  }
  const send = async (url: URL, init: RequestInit): Promise<unknown> => {
    const { response, disarm } = await open(url, init)
    try {
      const { bytes, isCut } = await readAtMost(response, longestAnswer)
      if (isCut) throw tooLong(vendor, url)
      return bytes.length === 0 ? {} : parseAnswer(bytes)
    } catch (error) {
      throw hidden(error, url)
    } finally {
      disarm()
    }
  }
  return {
    json: (method, url, body, signal) =>
      send(url, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
        ...(signal ? { signal } : {}),
      }),
    async *chunks(url, signal) {
      const init = { method: "GET", ...(signal ? { signal } : {}) }
      const { response, controller, disarm } = await open(url, init)
      try {
        yield* unlessSilent(response, clock, timeoutMs, controller, disarm)
      } catch (error) {
        throw hidden(error, url)
      }
    },
    upload: (url, form, signal) => send(url, { method: "POST", body: form, ...(signal ? { signal } : {}) }),
  }
}

/** The pieces of a body, and an end when none comes for `timeoutMs`: a whole file may take longer. */
async function* unlessSilent(
  { body }: Response,
  clock: Clock,
  timeoutMs: number,
  controller: AbortController,
  disarm: () => void,
): AsyncGenerator<Uint8Array> {
  let stop = disarm
  try {
    for await (const chunk of body ?? []) {
      stop()
      yield chunk
      stop = clock.setTimer(timeoutMs, () => {
        controller.abort(new DOMException(`nothing came for ${timeoutMs} ms (timeoutMs)`, "TimeoutError"))
      })
    }
  } finally {
    stop()
  }
}

function tooLong(vendor: string, { pathname }: URL): SluiceError {
  const message = `${vendor} batches, ${pathname}: the answer is longer than ${longestAnswer} bytes.`
  return new SluiceError("answer-too-large", message, { details: { vendor, status: 413 } })
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

function refusal(
  vendor: string,
  url: URL,
  { status, headers }: Response,
  text: string,
  wallMs: number,
  hide: (text: string) => string,
): SluiceError {
  const body = jsonOrText(text)
  const message = hide(vendorMessage(textAt(body, "error", "message")))
  const retryAfterMs = toldDelay(headers, body, wallMs)
  const code = textAt(body, "error", "code") ?? textAt(body, "error", "type")
  return new SluiceError(
    status >= 500 ? "vendor-error" : "vendor-refused",
    `${vendor} batches, ${url.pathname}: HTTP ${status}${message === "" ? "" : `: ${message}`}`,
    {
      retryable: status === 429 || status >= 500,
      details: { vendor, status, ...(code ? { code: hide(code) } : {}), ...(retryAfterMs ? { retryAfterMs } : {}) },
    },
  )
}
