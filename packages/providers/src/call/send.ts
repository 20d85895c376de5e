import type { Cost, Permit } from "@sluice/core"
import { AttemptFailure } from "./attempt-failure.ts"
import { contentTypeOf } from "../http/content-type.ts"
import type { FetchContext } from "../limited-fetch.ts"
import type { PreparedCall } from "./prepare.ts"
import { refilledResponse } from "../http/response.ts"
import { settleAnswer, settleFailure } from "./settle.ts"
import { StreamedAnswer } from "./stream.ts"
import { usageInTail } from "../vendors/reading/usage-in-tail.ts"
import type { Usage, Verdict } from "../vendors/vendor.ts"

/** Who counted: the vendor; we, the pieces of a whole stream; we, those of one that was cut; nobody. */
export type Counted = "counted" | "guessed" | "partial" | "unknown"

/** What is of no use any more: the key or token, the account with all its models, or the day's total of this quota. */
export type Exhausted = "credential" | "account" | "quota"

/** The call that an attempt is part of. */
export interface AttemptOwner {
  readonly context: FetchContext
  readonly prepared: PreparedCall
  /** The caller's. */
  readonly signal: AbortSignal | undefined
  send(signal: AbortSignal): Promise<Response>
  /** Told once per attempt that the vendor worked on. Answers its dollars. */
  spent(usage: Usage, how: Counted): number | undefined
  /** A stream failed after its head was handed to the caller. */
  failedLate(verdict: Verdict): void
  /** Told before the quota is, when waiting does not help. */
  exhausted(what: Exhausted, response: Response, bytes: Uint8Array<ArrayBuffer>): void
}

/** One HTTP request under one permit. */
export interface Attempt {
  readonly owner: AttemptOwner
  readonly permit: Permit
  readonly estimate: Cost
  readonly startMs: number
}

const decoder = new TextDecoder()

/**
 * Sends once and settles the permit in every case, exactly once: when the answer is whole, when its stream has ended,
 * failed or was cancelled, when the attempt failed.
 *
 * @throws AttemptFailure; or the reason of the caller's signal, untouched.
 */
export async function sendAttempt(owner: AttemptOwner, permit: Permit, estimate: Cost): Promise<Response> {
  const { signal } = owner
  const { clock, timeoutMs } = owner.context
  const attempt: Attempt = { owner, permit, estimate, startMs: clock.now() }
  const controller = new AbortController()
  const onAbort = (): void => controller.abort(signal!.reason)
  signal?.addEventListener("abort", onAbort)
  let timedOut = false
  const disarm = clock.setTimer(timeoutMs, () => {
    timedOut = true
    controller.abort(new DOMException(`No answer within ${timeoutMs} ms`, "TimeoutError"))
  })
  const letGo = (): void => {
    disarm()
    signal?.removeEventListener("abort", onAbort)
  }
  try {
    if (signal?.aborted) onAbort()
    const response = await owner.send(controller.signal)
    const isOk = response.status < 400
    const type = isOk ? contentTypeOf(response) : "json"
    if (type !== "json" || (isOk && owner.prepared.facts.stream)) {
      const stream = new StreamedAnswer(attempt, response, type === "events", controller, letGo)
      const head = await stream.head()
      disarm()
      return head
    }
    const bytes = new Uint8Array(await response.arrayBuffer())
    if (!isOk) throw refused(attempt, response, bytes)
    const answer = wholeAnswer(attempt, response, bytes)
    letGo()
    return answer
  } catch (error) {
    letGo()
    if (error instanceof AttemptFailure) throw error
    if (signal?.aborted) {
      permit.settle("ignored")
      throw signal.reason
    }
    permit.settle("ignored", undefined, { failed: true })
    const verdict: Verdict = timedOut
      ? { kind: "retry", code: "timeout", message: `no answer within ${timeoutMs} ms` }
      : { kind: "retry", code: "connection", message: connectionMessage(error) }
    throw new AttemptFailure(verdict, undefined, {}, error)
  }
}

function refused(attempt: Attempt, response: Response, bytes: Uint8Array<ArrayBuffer>): AttemptFailure {
  const answer = { status: response.status, headers: response.headers, body: parsed(bytes) }
  return settleFailure(attempt, answer, refilledResponse(response, bytes), bytes)
}

function wholeAnswer(attempt: Attempt, response: Response, bytes: Uint8Array<ArrayBuffer>): Response {
  const isLong = bytes.length > longBody
  const body = isLong ? usageInTail(bytes) : parsed(bytes)
  const isMalformed = body === undefined || typeof body === "string"
  const whole = refilledResponse(response, bytes, isLong || isMalformed ? undefined : body)
  if (isMalformed) {
    attempt.permit.settle("ignored")
    const message = "the answer is not the JSON it claims to be"
    throw new AttemptFailure({ kind: "retry", code: "malformed", message }, whole, {})
  }
  const { prepared, context } = attempt.owner
  const answer = { status: response.status, headers: response.headers, body }
  settleAnswer(attempt, answer, prepared.vendor.usage(body), { totalMs: context.clock.now() - attempt.startMs })
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

function connectionMessage(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : undefined
  return code ?? (cause instanceof Error ? cause.message : "the connection failed")
}
