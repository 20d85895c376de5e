import { SluiceError } from "@sluice/core"
import { attemptLoop, type RetryDecision, retryDecision, retryDefaults } from "@sluice/scheduler"
import { readBody } from "../../http/body.ts"
import { jsonOrText } from "../../http/json-or-text.ts"
import { followRedirects } from "../../http/sending/follow-redirects.ts"
import { fetchOnOrigin } from "../../http/sending/on-origin.ts"
import { longestError, readAtMost } from "../../http/read-at-most.ts"
import { RefusedHere } from "../../http/sending/refused-here.ts"
import { type FetchInput, headerReader, methodOf } from "../../http/request.ts"
import { refilledResponse, withoutOurHeaders } from "../../http/response.ts"
import type { FetchContext } from "../context.ts"
import { withoutKeys } from "../failure/without-keys.ts"
import { quietReading } from "./quiet-reading.ts"
import { hideSecrets } from "../hide-secrets.ts"
import { timeLimit } from "../time-limit.ts"
import { credentialsOf } from "../../accounts/account-label.ts"
import { openaiCompatible } from "../../vendors/openai-compatible.ts"
import { errorOf, errorText } from "../../vendors/reading/error-text.ts"
import { textAt } from "../../vendors/reading/json-path.ts"
import { toldDelay } from "../../vendors/reading/retry-delay.ts"
import { isSpendCap } from "../../vendors/reading/refusal-words.ts"

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
  const { clock, random, budget, retry, timeoutMs, closing } = context
  const method = methodOf(input, init)
  const request = input instanceof Request ? input : undefined
  const isJson = (): boolean => headerReader(input, init)("content-type")?.includes("json") ?? false
  const given = init?.body ?? (request?.body ? request : undefined)
  const signal = init?.signal ?? request?.signal
  const { repeatable, replacement } = await readBody(given, isJson, () => closing.either(signal))
  const sent: RequestInit = replacement ? { ...init, body: replacement } : { ...init }
  const canRepeat = method !== "POST" || harmless.test(url.pathname)
  const decide = (retryable: boolean, reason: string, retryAfterMs?: number) => (attempt: number) =>
    retryDecision(
      { retryable, reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
      attempt,
      retry?.backoff,
      random,
    )
  const header = headerReader(input, init)
  const hide = (text: string): string => hideSecrets(credentialsOf(openaiCompatible, url, header))(text)
  const once = async (): Promise<Response> => {
    const { controller, disarm } = timeLimit(clock, timeoutMs)
    try {
      const either = signal ? AbortSignal.any([signal, controller.signal]) : controller.signal
      const response = withoutOurHeaders(
        await fetchOnOrigin(
          { fetch: context.fetch, follow: followRedirects },
          input,
          { ...sent, signal: either },
          method === "GET",
        ),
      )
      const { status } = response
      // The body of an answer is the caller's, and takes as long as it takes.
      if (status !== 408 && status !== 409 && status !== 429 && status < 500) return response
      const { bytes } = await readAtMost(response, longestError)
      throw new BesideFailure(refilledResponse(response, bytes), decisionOn(response, bytes))
    } catch (error) {
      if (error instanceof BesideFailure) throw error
      if (signal?.aborted) throw signal.reason
      if (error instanceof RefusedHere)
        throw new SluiceError(error.code === "redirected" ? "vendor-refused" : "invalid-option", hide(error.message))
      throw new BesideFailure(undefined, decide(canRepeat, "connection"), withoutKeys(error, hide))
    } finally {
      disarm()
    }
  }
  const decisionOn = ({ status, headers }: Response, bytes: Uint8Array): ((attempt: number) => RetryDecision) => {
    const body = jsonOrText(new TextDecoder().decode(bytes))
    const error = errorOf(body)
    const isFinal =
      headers.get("x-should-retry") === "false" ||
      (status < 500 && isSpendCap(textAt(error, "code") ?? textAt(error, "type"), errorText(body)))
    const retryable = !isFinal && (canRepeat || refusedAtOnce.has(status))
    return decide(retryable, `http-${status}`, toldDelay(headers, body, clock.wallNow()))
  }
  try {
    const response = await attemptLoop(once, {
      maxAttempts: repeatable ? (retry?.maxAttempts ?? retryDefaults.maxAttempts) : 1,
      decide: (error, attempt) =>
        error instanceof BesideFailure ? error.decision(attempt) : { retry: false, reason: "error" },
      clock,
      random,
      budget,
      signal: signal ?? undefined,
      waitSignal: closing.signal,
    })
    return quietReading(response, hide)
  } catch (error) {
    if (!(error instanceof BesideFailure)) throw error
    if (error.response) return quietReading(error.response, hide)
    throw error.cause
  }
}
