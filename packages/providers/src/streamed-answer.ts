import { isEventStream } from "./content-type.ts"
import { meteredBody } from "./metered-body.ts"
import { rebodiedResponse } from "./refilled-response.ts"
import type { AttemptPlan } from "./send-attempt.ts"
import { settleAnswer, settleFailure } from "./settle-answer.ts"
import { SseReader, type SseEvent } from "./sse-reader.ts"
import { usageInTail } from "./usage-in-tail.ts"
import type { Answer, Usage } from "./vendor.ts"
import { okVerdict } from "./verdict.ts"

/** An answer that arrives piece by piece: its permit lives until the stream ends. */
export class StreamedAnswer {
  readonly #plan: AttemptPlan
  readonly #response: Response
  readonly #startMs: number
  readonly #abort: AbortController
  readonly #letGo: () => void
  readonly #events = new SseReader()
  readonly #isEvents: boolean
  #usage: Partial<Usage> = {}
  #pieces = 0
  #tail = new Uint8Array(0)
  #firstMs: number | undefined
  #lastMs = 0
  #asking = false
  #settled = false
  #disarmIdle: (() => void) | undefined

  constructor(plan: AttemptPlan, response: Response, startMs: number, abort: AbortController, letGo: () => void) {
    this.#plan = plan
    this.#response = response
    this.#startMs = startMs
    this.#abort = abort
    this.#letGo = letGo
    this.#isEvents = isEventStream(response)
  }

  /** The response, once its first bytes are there: an error in them can still be retried. */
  async head(): Promise<Response> {
    const reader = this.#response.body?.getReader()
    if (!reader) {
      this.#over("success")
      return this.#response
    }
    const first = await reader.read()
    if (first.value) this.#watch(first.value, true)
    if (first.done) this.#end()
    const body = meteredBody(
      reader,
      {
        ask: () => {
          this.#lastMs = this.#plan.clock.now()
          this.#asking = true
          if (!this.#disarmIdle) this.#armIdle()
        },
        chunk: (bytes) => this.#watch(bytes, false),
        end: () => this.#end(),
        fail: () => this.#over("ignored"),
        cancel: () => this.#over(this.#usage.outputTokens ? "success" : "ignored"),
      },
      first.value ? [first.value] : [],
    )
    if (!first.done) this.#armIdle()
    const handed = rebodiedResponse(this.#response, body)
    abandoned.register(body, this)
    return handed
  }

  #watch(bytes: Uint8Array, atHead: boolean): void {
    this.#asking = false
    this.#lastMs = this.#plan.clock.now()
    if (this.#settled) return
    this.#firstMs ??= this.#lastMs
    if (this.#isEvents) this.#read(this.#events.push(bytes), atHead)
    else this.#keepTail(bytes)
  }

  #read(events: readonly SseEvent[], atHead: boolean): void {
    for (const event of events) {
      const fact = this.#plan.vendor.streamEvent(event)
      if (fact?.error) return this.#failed(fact.error, atHead)
      if (fact?.usage) this.#usage = { ...this.#usage, ...fact.usage }
      if (fact?.output) {
        this.#pieces++
        atHead = false
      }
    }
  }

  #failed(error: Answer, atHead: boolean): void {
    this.#settled = true
    const bytes = new TextEncoder().encode(JSON.stringify(error.body))
    const response = asResponse(error.status, bytes, this.#response)
    const failure = settleFailure(this.#plan, error, response, bytes)
    // In the middle the caller gets the event as it is; the stream goes on as long as the vendor sends.
    if (!atHead) return this.#plan.onLateFailure(failure.verdict)
    this.#release()
    this.#abort.abort()
    throw failure
  }

  #keepTail(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.#tail.length + bytes.length)
    joined.set(this.#tail)
    joined.set(bytes, this.#tail.length)
    this.#tail = joined.slice(-4096)
  }

  #end(): void {
    if (!this.#settled) {
      if (this.#isEvents) this.#read(this.#events.end(), false)
      else this.#usage = this.#plan.vendor.usage(usageInTail(this.#tail)) ?? {}
    }
    this.#over("success")
  }

  /** Nothing comes any more. */
  #over(outcome: "success" | "ignored"): void {
    this.#release()
    this.#settle(outcome)
  }

  #settle(outcome: "success" | "ignored"): void {
    if (this.#settled) return
    this.#settled = true
    const { inputTokens, outputTokens } = this.#usage
    const counted = inputTokens !== undefined && outputTokens !== undefined
    const usage: Usage = {
      inputTokens: inputTokens ?? this.#plan.estimate.inputTokens ?? 0,
      // A stream that does not count itself sends about one token in each piece.
      outputTokens: outputTokens ?? this.#pieces,
      cachedInputTokens: this.#usage.cachedInputTokens ?? 0,
      cacheWriteTokens: this.#usage.cacheWriteTokens ?? 0,
    }
    const answer = { status: this.#response.status, headers: this.#response.headers, body: undefined }
    if (outcome === "ignored") {
      this.#plan.permit.settle(
        "ignored",
        // Its dollars are spent, nobody knows how many: the estimate stands.
        { ...this.#plan.vendor.charged(this.#plan.estimate, usage), usd: this.#plan.estimate.usd ?? 0 },
        this.#plan.vendor.feedback(answer, okVerdict, this.#plan.clock.wallNow()),
      )
      return
    }
    const { clock } = this.#plan
    settleAnswer(this.#plan, answer, counted || this.#isEvents ? usage : undefined, {
      totalMs: clock.now() - this.#startMs,
      ...(this.#firstMs === undefined ? {} : { firstTokenMs: this.#firstMs - this.#startMs }),
    })
  }

  #armIdle(): void {
    const { clock, idleTimeoutMs } = this.#plan
    const check = (): void => {
      const leftMs = this.#lastMs + idleTimeoutMs - clock.now()
      if (leftMs > 0) {
        this.#disarmIdle = clock.setTimer(leftMs, check)
        return
      }
      this.#disarmIdle = undefined
      this.#settle("ignored")
      // A caller that is slow itself keeps its stream, without the permit.
      if (this.#asking) {
        this.#abort.abort(new DOMException(`The stream was silent for ${idleTimeoutMs} ms`, "TimeoutError"))
      }
    }
    this.#disarmIdle = clock.setTimer(idleTimeoutMs, check)
  }

  #release(): void {
    this.#disarmIdle?.()
    this.#disarmIdle = undefined
    this.#letGo()
  }

  /** The caller dropped the response without reading or cancelling it. */
  abandon(): void {
    this.#over("ignored")
    this.#abort.abort()
  }
}

const abandoned = new FinalizationRegistry<StreamedAnswer>((answer) => answer.abandon())

/** An error that came as the first event, as the answer that it would have been. */
function asResponse(status: number, bytes: Uint8Array<ArrayBuffer>, response: Response): Response {
  const headers = new Headers(response.headers)
  headers.set("content-type", "application/json")
  const built = new Response(bytes, { status, headers })
  Object.defineProperty(built, "url", { value: response.url })
  return built
}
