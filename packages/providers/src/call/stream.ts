import type { Clock } from "@sluice/core"
import { meteredBody } from "../http/metered-body.ts"
import { rebodiedResponse } from "../http/response.ts"
import type { Attempt } from "./send.ts"
import { settleAnswer, settleFailure } from "./settle.ts"
import { SseReader, type SseEvent } from "../http/sse.ts"
import { usageInTail } from "../vendors/reading/usage-in-tail.ts"
import type { Answer, Usage, Vendor } from "../vendors/vendor.ts"
import { okVerdict } from "./verdict.ts"

/** An answer that arrives piece by piece: its permit lives until the stream ends. */
export class StreamedAnswer {
  readonly #attempt: Attempt
  readonly #vendor: Vendor
  readonly #clock: Clock
  readonly #response: Response
  readonly #isEvents: boolean
  readonly #abort: AbortController
  readonly #letGo: () => void
  readonly #events = new SseReader()
  #usage: Partial<Usage> = {}
  #hasOutput = false
  /** Pieces of the answer that came after the last count. */
  #uncounted = 0
  #tail = new Uint8Array(0)
  #firstMs: number | undefined
  #lastMs = 0
  #asking = false
  #settled = false
  #disarmIdle: (() => void) | undefined

  constructor(attempt: Attempt, response: Response, isEvents: boolean, abort: AbortController, letGo: () => void) {
    this.#attempt = attempt
    this.#vendor = attempt.owner.prepared.vendor
    this.#clock = attempt.owner.context.clock
    this.#response = response
    this.#isEvents = isEvents
    this.#abort = abort
    this.#letGo = letGo
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
          this.#lastMs = this.#clock.now()
          this.#asking = true
          if (!this.#disarmIdle) this.#armIdle()
        },
        chunk: (bytes) => this.#watch(bytes, false),
        end: () => this.#end(),
        fail: () => this.#over("ignored"),
        cancel: () => this.#over(this.#isCounted && this.#hasOutput ? "success" : "ignored"),
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
    this.#lastMs = this.#clock.now()
    if (this.#settled) return
    this.#firstMs ??= this.#lastMs
    if (this.#isEvents) this.#read(this.#events.push(bytes), atHead)
    else this.#keepTail(bytes)
  }

  #read(events: readonly SseEvent[], atHead: boolean): void {
    for (const event of events) {
      const fact = this.#vendor.streamEvent(event)
      if (fact?.error) return this.#failed(fact.error, atHead)
      if (fact?.output) {
        this.#hasOutput = true
        this.#uncounted++
        atHead = false
      }
      if (fact?.usage) {
        this.#usage = { ...this.#usage, ...fact.usage }
        if (fact.usage.outputTokens !== undefined) this.#uncounted = 0
      }
    }
  }

  #failed(error: Answer, atHead: boolean): void {
    this.#settled = true
    const bytes = new TextEncoder().encode(JSON.stringify(error.body))
    const response = asResponse(error.status, bytes, this.#response)
    const failure = settleFailure(this.#attempt, error, response, bytes)
    // In the middle the caller gets the event as it is; the stream goes on as long as the vendor sends.
    if (!atHead) {
      this.#attempt.owner.spent(this.#soFar(), "partial")
      return this.#attempt.owner.failedLate(failure.verdict)
    }
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
      else this.#usage = this.#vendor.usage(usageInTail(this.#tail)) ?? {}
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
    const { owner, permit, estimate, startMs } = this.#attempt
    const usage = this.#soFar()
    const answer = { status: this.#response.status, headers: this.#response.headers, body: undefined }
    if (outcome === "success") {
      const latency = {
        totalMs: this.#clock.now() - startMs,
        ...(this.#firstMs === undefined ? {} : { firstTokenMs: this.#firstMs - startMs }),
      }
      const known = this.#isCounted || this.#isEvents ? usage : undefined
      return settleAnswer(this.#attempt, answer, known, latency, this.#isCounted ? "counted" : "guessed")
    }
    // The vendor has worked on it, and charges for that, whether or not anybody read the end.
    const usd = owner.spent(usage, "partial")
    const actual = this.#vendor.charged(estimate, usage)
    const feedback = this.#vendor.feedback(answer, okVerdict, this.#clock.wallNow())
    permit.settle("ignored", usd === undefined ? actual : { ...actual, usd }, feedback)
  }

  get #isCounted(): boolean {
    const { inputTokens, outputTokens } = this.#usage
    return inputTokens !== undefined && outputTokens !== undefined && this.#uncounted === 0
  }

  /** What the vendor has counted; for the rest, about one token in each piece. */
  #soFar(): Usage {
    const { inputTokens, outputTokens = 0, cachedInputTokens = 0, cacheWriteTokens = 0 } = this.#usage
    return {
      inputTokens: inputTokens ?? this.#attempt.estimate.inputTokens ?? 0,
      outputTokens: outputTokens + this.#uncounted,
      cachedInputTokens,
      cacheWriteTokens,
    }
  }

  #armIdle(): void {
    const { clock, idleTimeoutMs } = this.#attempt.owner.context
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
