import { onAbort } from "@sluice/scheduler"
import { chargedUncounted, likelyUsage } from "../../accounts/accounting.ts"
import { contentTypeOf } from "../../http/content-type.ts"
import { jsonOrText } from "../../http/json-or-text.ts"
import { outOfFiles } from "../../http/open-files.ts"
import { longestError, readAtMost } from "../../http/read-at-most.ts"
import { RefusedHere } from "../../http/sending/refused-here.ts"
import { errorResponse, refilledResponse, withoutOurHeaders } from "../../http/response.ts"
import { errorInside } from "../../vendors/reading/empty-answer.ts"
import { usageInTail } from "../../vendors/reading/usage-in-tail.ts"
import { unlessItThrows } from "../../vendors/unless-it-throws.ts"
import type { Verdict } from "../../vendors/vendor.ts"
import type { CallAttempt, SentAttempt } from "./attempt.ts"
import { endOfAnswer, endOfFailure, endUncounted } from "./attempt-end.ts"
import { AttemptFailure } from "../failure/attempt-failure.ts"
import { withoutKeys } from "../failure/without-keys.ts"
import { okVerdict } from "../failure/verdict.ts"
import { StreamedAnswer } from "./stream.ts"
import { timeLimit } from "../time-limit.ts"

const decoder = new TextDecoder()

/**
 * Sends once. Never rejects: what came of it says how it ended, whatever that was, once; of a streamed answer when its stream
 * has ended, failed, was cancelled or dropped.
 */
export async function sendAttempt(
  attempt: CallAttempt,
  send: (signal: AbortSignal) => Promise<Response>,
): Promise<SentAttempt> {
  const { signal, prepared } = attempt
  const { clock, timeoutMs, maxAnswerBytes } = attempt.context
  const { usualLimitMs = Infinity } = attempt
  const { controller, disarm } =
    usualLimitMs < timeoutMs ? timeLimit(clock, usualLimitMs, "adaptiveTimeout") : timeLimit(clock, timeoutMs)
  const forget = signal && onAbort(signal, () => controller.abort(signal.reason))
  const letGo = (): void => {
    disarm()
    forget?.()
  }
  try {
    if (signal?.aborted) controller.abort(signal.reason)
    const response = withoutOurHeaders(await send(controller.signal))
    const isOk = response.status < 400
    const type = isOk ? contentTypeOf(response) : "json"
    if (type !== "json" || (isOk && prepared.facts.stream))
      return await new StreamedAnswer(attempt, response, type, controller, disarm, letGo).head()
    const { bytes, isCut } = await readAtMost(response, isOk ? maxAnswerBytes : longestError)
    letGo()
    if (!isOk) return refused(attempt, response, bytes)
    return isCut ? tooLarge(attempt) : wholeAnswer(attempt, response, bytes)
  } catch (error) {
    letGo()
    if (signal?.aborted) return { failure: signal.reason, end: endUncounted(attempt, "ignored") }
    return unanswered(attempt, error, controller.signal)
  }
}

/** No answer, or none that could be read to its end. */
function unanswered(attempt: CallAttempt, error: unknown, { aborted, reason }: AbortSignal): SentAttempt {
  const { hide } = attempt.prepared
  const { message, ...rest } = verdictWithoutAnswer(aborted ? reason : error)
  const verdict = { ...rest, message: hide(message) }
  const failure = new AttemptFailure(verdict, undefined, {}, withoutKeys(error, hide))
  if (outOfFiles(error)) return { failure, end: { settlement: { outcome: "ignored", actual: { requests: 0 } } } }
  return { failure, end: endUncounted(attempt, verdict.kind === "retry" ? "failed" : "ignored") }
}

function refused(attempt: CallAttempt, response: Response, bytes: Uint8Array<ArrayBuffer>): SentAttempt {
  const answer = { status: response.status, headers: response.headers, body: parsed(bytes) }
  return endOfFailure(attempt, answer, refilledResponse(response, bytes), bytes)
}

/** Made and charged, and nothing that asking again would change. */
function tooLarge(attempt: CallAttempt): SentAttempt {
  const { prepared, estimate, context } = attempt
  const message = `the answer is longer than ${context.maxAnswerBytes} bytes. Raise maxAnswerBytes, or ask for less at once.`
  return {
    failure: new AttemptFailure({ kind: "fatal", scope: "request", code: "answer-too-large", message }, undefined, {}),
    end: {
      settlement: { outcome: "success", actual: chargedUncounted(prepared, estimate) ?? estimate },
      used: { usage: likelyUsage(prepared), how: "unknown" },
    },
  }
}

function wholeAnswer(attempt: CallAttempt, response: Response, bytes: Uint8Array<ArrayBuffer>): SentAttempt {
  const { prepared, context, facts } = attempt
  const { vendor } = prepared
  const isLong = bytes.length > longBody
  const body = isLong ? usageInTail(bytes) : parsed(bytes)
  const isMalformed =
    !vendor.takesAnything && response.status === 200 && (body === undefined || typeof body === "string")
  if (isMalformed) {
    const message = "the answer is not the JSON it claims to be"
    const verdict = { kind: "retry", code: "malformed", message } as const
    const failure = new AttemptFailure(verdict, refilledResponse(response, bytes), {})
    return { failure, end: endUncounted(attempt, "ignored") }
  }
  const { status, headers } = response
  const usage = unlessItThrows(() => vendor.usage(body))
  const hidden = isLong ? undefined : unlessItThrows(() => errorInside(vendor, body))
  if (hidden) {
    const answer = errorResponse(hidden.status, bytes, response)
    const { failure, end } = endOfFailure(attempt, { ...hidden, headers }, answer, bytes)
    // Some routers charge for what the vendor behind them has written before it failed.
    const isCharged = usage && usage.outputTokens > 0
    return { failure, end: isCharged ? { ...end, used: { usage, how: "counted" } } : end }
  }
  facts?.whole(body)
  const end = endOfAnswer(attempt, { status, headers, body }, usage, {
    totalMs: context.clock.now() - attempt.startMs,
  })
  return {
    response: refilledResponse(response, bytes, isLong || typeof body === "string" ? undefined : body),
    end: { ...end, answered: { response, verdict: okVerdict, status: "ok" } },
  }
}

// Above this, parsing a body only for its usage would cost more than it tells.
const longBody = 262_144

function parsed(bytes: Uint8Array): unknown {
  return jsonOrText(decoder.decode(bytes))
}

function verdictWithoutAnswer(error: unknown): Verdict {
  if (error instanceof RefusedHere) return { kind: "fatal", scope: "request", code: error.code, message: error.message }
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
