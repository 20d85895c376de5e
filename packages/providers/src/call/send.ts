import type { Cost, Permit } from "@sluice/core"
import { contentTypeOf } from "../http/content-type.ts"
import { RedirectRefused } from "../http/on-origin.ts"
import { outOfFiles } from "../http/open-files.ts"
import { readAtMost } from "../http/read-at-most.ts"
import { errorResponse, refilledResponse, withoutOurHeaders } from "../http/response.ts"
import { usageInTail } from "../vendors/reading/usage-in-tail.ts"
import type { Verdict } from "../vendors/vendor.ts"
import { AttemptFailure } from "./failure/attempt-failure.ts"
import type { Attempt, AttemptOwner } from "./attempt.ts"
import { settleAnswer, settleFailure, uncounted, unknownCost, unlessItThrows } from "./settle.ts"
import { StreamedAnswer } from "./stream.ts"

const decoder = new TextDecoder()

/**
 * Sends once and settles the permit in every case, exactly once: when the answer is whole, when its stream has ended,
 * failed or was cancelled, when the attempt failed.
 *
 * @throws AttemptFailure; or the reason of the caller's signal, untouched.
 */
export async function sendAttempt(owner: AttemptOwner, permit: Permit, estimate: Cost): Promise<Response> {
  const { signal } = owner
  const { clock, timeoutMs, maxAnswerBytes } = owner.context
  const attempt: Attempt = { owner, permit, estimate, startMs: clock.now() }
  const controller = new AbortController()
  const onAbort = (): void => controller.abort(signal!.reason)
  signal?.addEventListener("abort", onAbort)
  const disarm = clock.setTimer(timeoutMs, () => {
    controller.abort(new DOMException(`no answer within ${timeoutMs} ms (timeoutMs)`, "TimeoutError"))
  })
  const letGo = (): void => {
    disarm()
    signal?.removeEventListener("abort", onAbort)
  }
  try {
    if (signal?.aborted) onAbort()
    const response = withoutOurHeaders(await owner.send(controller.signal))
    const isOk = response.status < 400
    const type = isOk ? contentTypeOf(response) : "json"
    if (type !== "json" || (isOk && owner.prepared.facts.stream))
      return await new StreamedAnswer(attempt, response, type, controller, disarm, letGo).head()
    const { bytes, isCut } = await readAtMost(response, isOk ? maxAnswerBytes : longestError)
    if (!isOk) throw refused(attempt, response, bytes)
    if (isCut) throw tooLarge(attempt)
    const answer = wholeAnswer(attempt, response, bytes)
    letGo()
    return answer
  } catch (error) {
    letGo()
    if (error instanceof AttemptFailure) throw error
    if (signal?.aborted) {
      permit.settle({ outcome: "ignored", actual: unknownCost(attempt) })
      throw signal.reason
    }
    const { message, ...rest } = verdictWithoutAnswer(controller.signal.aborted ? controller.signal.reason : error)
    const verdict = { ...rest, message: owner.prepared.hide(message) }
    if (outOfFiles(error)) permit.settle({ outcome: "ignored", actual: { requests: 0 } })
    else permit.settle({ outcome: verdict.kind === "retry" ? "failed" : "ignored", actual: unknownCost(attempt) })
    throw new AttemptFailure(verdict, undefined, {}, withoutKeys(error, owner.prepared.hide))
  }
}

/** `fetch` quotes a header that cannot be sent, and loggers print causes. */
function withoutKeys(error: unknown, hide: (text: string) => string): unknown {
  if (!(error instanceof Error) || hide(error.message) === error.message) return error
  return new TypeError(hide(error.message))
}

// What a vendor says of an error fits in a page.
const longestError = 1_048_576

function refused(attempt: Attempt, response: Response, bytes: Uint8Array<ArrayBuffer>): AttemptFailure {
  const answer = { status: response.status, headers: response.headers, body: parsed(bytes) }
  return settleFailure(attempt, answer, refilledResponse(response, bytes), bytes)
}

/** Made and charged, and nothing that asking again would change. */
function tooLarge({ owner, permit, estimate }: Attempt): AttemptFailure {
  permit.settle({ outcome: "success", actual: uncounted(owner, estimate) })
  const message = `the answer is longer than ${owner.context.maxAnswerBytes} bytes. Raise maxAnswerBytes, or ask for less at once.`
  return new AttemptFailure({ kind: "fatal", scope: "request", code: "answer-too-large", message }, undefined, {})
}

function wholeAnswer(attempt: Attempt, response: Response, bytes: Uint8Array<ArrayBuffer>): Response {
  const { prepared, context } = attempt.owner
  const { vendor } = prepared
  const isLong = bytes.length > longBody
  const body = isLong ? usageInTail(bytes) : parsed(bytes)
  // What is limited only because the user says so may answer whatever it likes.
  const isMalformed = !prepared.isGuess && response.status === 200 && (body === undefined || typeof body === "string")
  if (isMalformed) {
    attempt.permit.settle({ outcome: "ignored", actual: unknownCost(attempt) })
    const message = "the answer is not the JSON it claims to be"
    throw new AttemptFailure({ kind: "retry", code: "malformed", message }, refilledResponse(response, bytes), {})
  }
  const { status, headers } = response
  const usage = unlessItThrows(() => vendor.usage(body))
  const hidden = prepared.isGuess ? undefined : unlessItThrows(() => vendor.hiddenError?.(body))
  if (hidden) {
    // Some routers charge for what the vendor behind them has written before it failed.
    if (usage && usage.outputTokens > 0) attempt.owner.spent(usage, "counted")
    throw settleFailure(attempt, { ...hidden, headers }, errorResponse(hidden.status, bytes, response), bytes)
  }
  const whole = refilledResponse(response, bytes, isLong || typeof body === "string" ? undefined : body)
  settleAnswer(attempt, { status, headers, body }, usage, { totalMs: context.clock.now() - attempt.startMs })
  return whole
}

// Above this, parsing a body only for its usage would cost more than it tells.
const longBody = 262_144

function parsed(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined
  const text = decoder.decode(bytes)
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

function verdictWithoutAnswer(error: unknown): Verdict {
  if (error instanceof RedirectRefused)
    return { kind: "fatal", scope: "request", code: "redirected", message: error.message }
  const code = codeOf(error)
  const limit = undiciLimits.get(code ?? "")
  if (limit !== undefined)
    return { kind: "retry", code: "timeout", message: `${limit} (${code}), a limit of the fetch in use` }
  if (error instanceof DOMException && error.name === "TimeoutError")
    return { kind: "retry", code: "timeout", message: error.message }
  return { kind: "retry", code: "connection", message: code ?? messageOf(error) }
}

/** Where the `fetch` in use is not ours, its limits come before ours. */
const undiciLimits: ReadonlyMap<string, string> = new Map([
  ["UND_ERR_HEADERS_TIMEOUT", "no first byte in time"],
  ["UND_ERR_BODY_TIMEOUT", "too long a silence inside the answer"],
])

function codeOf(error: unknown): string | undefined {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  // A DOMException has numbers for codes.
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
  return typeof code === "string" ? code : undefined
}

function messageOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  return cause instanceof Error ? cause.message : "the connection failed"
}
