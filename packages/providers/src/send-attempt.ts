import type { Clock, Cost, Permit } from "@sluice/core"
import { AttemptFailure } from "./attempt-failure.ts"
import { isEventStream, isJson } from "./content-type.ts"
import { refilledResponse } from "./refilled-response.ts"
import { settleAnswer, settleFailure } from "./settle-answer.ts"
import { StreamedAnswer } from "./streamed-answer.ts"
import { usageInTail } from "./usage-in-tail.ts"
import type { RequestFacts, Usage, Vendor, Verdict } from "./vendor.ts"

/** One HTTP request under one permit. */
export interface AttemptPlan {
  readonly vendor: Vendor
  readonly facts: RequestFacts
  readonly estimate: Cost
  readonly permit: Permit
  readonly send: (signal: AbortSignal) => Promise<Response>
  /** The caller's. */
  readonly signal: AbortSignal | undefined
  /** Until the answer is there: whole, or its first bytes when it streams. */
  readonly timeoutMs: number
  /** Between two pieces of a stream. */
  readonly idleTimeoutMs: number
  readonly clock: Clock
  /** Told once, when the vendor counted. Answers what the call cost in dollars. */
  readonly onUsage: (usage: Usage) => number | undefined
  /** Told when a stream fails after its head was handed to the caller. */
  readonly onLateFailure: (verdict: Verdict) => void
  /** Told before the quota is, when waiting does not help: the account is refused, or the day of this quota is gone. */
  readonly onExhausted: (scope: "account" | "day", response: Response, bytes: Uint8Array<ArrayBuffer>) => void
}

const decoder = new TextDecoder()

/**
 * Sends once and settles the permit in every case, exactly once: when the answer is whole, when its stream has ended,
 * failed or was cancelled, when the attempt failed.
 *
 * @throws AttemptFailure; or the reason of the caller's signal, untouched.
 */
export async function sendAttempt(plan: AttemptPlan): Promise<Response> {
  const { clock } = plan
  const startMs = clock.now()
  const controller = new AbortController()
  const onAbort = (): void => controller.abort(plan.signal!.reason)
  plan.signal?.addEventListener("abort", onAbort)
  let timedOut = false
  const disarm = clock.setTimer(plan.timeoutMs, () => {
    timedOut = true
    controller.abort(new DOMException(`No answer within ${plan.timeoutMs} ms`, "TimeoutError"))
  })
  const letGo = (): void => {
    disarm()
    plan.signal?.removeEventListener("abort", onAbort)
  }
  try {
    if (plan.signal?.aborted) onAbort()
    const response = await plan.send(controller.signal)
    if (response.status >= 400) throw await refused(plan, response)
    if (isEventStream(response) || plan.facts.stream || !isJson(response)) {
      const stream = new StreamedAnswer(plan, response, startMs, controller, letGo)
      const head = await stream.head()
      disarm()
      return head
    }
    const answer = await wholeAnswer(plan, response, startMs)
    letGo()
    return answer
  } catch (error) {
    letGo()
    if (error instanceof AttemptFailure) throw error
    if (plan.signal?.aborted) {
      plan.permit.settle("ignored")
      throw plan.signal.reason
    }
    plan.permit.settle("ignored", undefined, { failed: true })
    throw new AttemptFailure(
      timedOut
        ? { kind: "retry", code: "timeout", message: `no answer within ${plan.timeoutMs} ms` }
        : { kind: "retry", code: "connection", message: connectionMessage(error) },
      undefined,
      {},
      error,
    )
  }
}

async function refused(plan: AttemptPlan, response: Response): Promise<AttemptFailure> {
  const bytes = new Uint8Array(await response.arrayBuffer())
  const answer = { status: response.status, headers: response.headers, body: parsed(bytes) }
  return settleFailure(plan, answer, refilledResponse(response, bytes), bytes)
}

async function wholeAnswer(plan: AttemptPlan, response: Response, startMs: number): Promise<Response> {
  const bytes = new Uint8Array(await response.arrayBuffer())
  const body = bytes.length > longBody ? usageInTail(bytes) : parsed(bytes)
  const whole = refilledResponse(
    response,
    bytes,
    bytes.length > longBody || typeof body === "string" ? undefined : body,
  )
  if (body === undefined || typeof body === "string") {
    plan.permit.settle("ignored")
    throw new AttemptFailure(
      { kind: "retry", code: "malformed", message: "the answer is not the JSON it claims to be" },
      whole,
      {},
    )
  }
  const answer = { status: response.status, headers: response.headers, body }
  settleAnswer(plan, answer, plan.vendor.usage(body), { totalMs: plan.clock.now() - startMs })
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
