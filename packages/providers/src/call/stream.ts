import type { Clock } from "@sluice/core"
import { meteredBody } from "../http/metered-body.ts"
import { errorResponse, rebodiedResponse } from "../http/response.ts"
import { SseReader, type SseEvent } from "../http/sse.ts"
import { grownUsage } from "../vendors/reading/usage-total.ts"
import { usageInTail } from "../vendors/reading/usage-in-tail.ts"
import type { Answer, Usage, Vendor } from "../vendors/vendor.ts"
import type { Attempt } from "./attempt.ts"
import { settleAnswer, settleFailure, unlessItThrows } from "./settle.ts"

/** How an answer comes: as events, as one JSON object although a stream was asked for, or as bytes that nobody here reads. */
type Form = "events" | "object" | "bytes"

// So much may come before the first piece of an answer; then it is handed on as it is.
const mostHeld = 262_144

/** An answer that arrives piece by piece: its permit lives until the stream ends. */
export class StreamedAnswer {
  readonly #attempt: Attempt
  readonly #vendor: Vendor
  readonly #clock: Clock
  readonly #response: Response
  readonly #abort: AbortController
  readonly #begun: () => void
  readonly #letGo: () => void
  readonly #events = new SseReader()
  #form: Form
  /** What the caller must not see before it is known whether an answer follows. */
  #isHeld = true
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

  /** `begun` is called once the answer has begun, `letGo` at the end. */
  constructor(
    attempt: Attempt,
    response: Response,
    type: "events" | "json" | "other",
    abort: AbortController,
    begun: () => void,
    letGo: () => void,
  ) {
    this.#attempt = attempt
    this.#vendor = attempt.owner.prepared.vendor
    this.#clock = attempt.owner.context.clock
    this.#response = response
    this.#form = type === "events" ? "events" : type === "json" ? "object" : "bytes"
    this.#abort = abort
    this.#begun = begun
    this.#letGo = letGo
  }

  /**
   * The response, once its first piece of output is there: an error before it can still be retried.
   *
   * @throws AttemptFailure
   */
  async head(): Promise<Response> {
    const reader = this.#response.body?.getReader()
    if (!reader) {
      this.#over("success")
      return this.#response
    }
    const held: Uint8Array<ArrayBuffer>[] = []
    let error: Answer | undefined
    let isOver = false
    for (let bytes = 0; this.#isHeld && !error && !isOver;) {
      this.#asking = true
      const { done, value } = await reader.read().catch((reason: unknown) => {
        this.#release()
        throw reason
      })
      if (held.length === 0) this.#firstByte()
      isOver = done
      if (done) {
        error = this.#last(held)
      } else {
        if (held.length === 0 && this.#form === "object" && !mayBeError(value)) this.#form = "bytes"
        held.push(value)
        bytes += value.length
        error = this.#watch(value)
        if (this.#form === "bytes" || bytes > mostHeld) this.#isHeld = false
      }
    }
    if (error && this.#isHeld) throw this.#failed(error)
    this.#isHeld = false
    this.#begun()
    this.#passed(error)
    if (isOver) this.#over("success")
    // Who gives up between two pieces reads no further one that could say so.
    else this.#abort.signal.addEventListener("abort", () => this.#over("ignored"), { once: true })
    const body = meteredBody(
      reader,
      {
        ask: () => {
          this.#lastMs = this.#clock.now()
          this.#asking = true
          if (!this.#disarmIdle) this.#armIdle()
        },
        chunk: (bytes) => this.#passed(this.#watch(bytes)),
        end: () => {
          this.#passed(this.#last([]))
          this.#over("success")
        },
        fail: () => this.#over("ignored"),
        cancel: () => this.#over(this.#isCounted && this.#hasOutput ? "success" : "ignored"),
      },
      held,
    )
    const handed = rebodiedResponse(this.#response, body)
    abandoned.register(body, this)
    return handed
  }

  #firstByte(): void {
    this.#lastMs = this.#clock.now()
    this.#armIdle()
  }

  /** Reads along. Returns the error that the bytes bring. Never throws: the bytes are the caller's, whatever they say. */
  #watch(bytes: Uint8Array): Answer | undefined {
    this.#asking = false
    this.#lastMs = this.#clock.now()
    if (this.#settled) return undefined
    this.#firstMs ??= this.#lastMs
    if (this.#form === "events") return this.#read(() => this.#events.push(bytes))
    this.#keepTail(bytes)
    return undefined
  }

  #read(events: () => readonly SseEvent[]): Answer | undefined {
    try {
      for (const event of events()) {
        const fact = this.#vendor.streamEvent(event)
        if (fact?.error) return fact.error
        if (!fact?.prelude) this.#isHeld = false
        if (fact?.output) {
          this.#hasOutput = true
          this.#uncounted++
        }
        if (fact?.usage) {
          this.#usage = grownUsage(this.#usage, fact.usage)
          if (fact.usage.outputTokens !== undefined) this.#uncounted = 0
        }
      }
    } catch (error) {
      this.#form = "bytes"
      this.#attempt.owner.unreadable(error)
    }
    return undefined
  }

  /** What the end of the stream brings, and the whole of one that is no stream. */
  #last(held: readonly Uint8Array<ArrayBuffer>[]): Answer | undefined {
    if (this.#settled) return undefined
    if (this.#form === "events") {
      const error = this.#read(() => this.#events.end())
      return error ?? (this.#isHeld ? emptyAnswer : undefined)
    }
    const body = this.#form === "object" ? unlessItThrows(() => parsed(held)) : usageInTail(this.#tail)
    this.#usage = unlessItThrows(() => this.#vendor.usage(body)) ?? {}
    return this.#form === "object" ? unlessItThrows(() => this.#vendor.hiddenError?.(body)) : undefined
  }

  /** Before any output: the attempt has failed, and nobody has seen anything of it. */
  #failed({ status, body }: Answer): Error {
    this.#settled = true
    this.#release()
    this.#abort.abort()
    const bytes = new TextEncoder().encode(JSON.stringify(body))
    const answer = { status, headers: this.#response.headers, body }
    return settleFailure(this.#attempt, answer, errorResponse(status, bytes, this.#response), bytes)
  }

  /** In the middle the caller gets the event as it is; the stream goes on as long as the vendor sends. */
  #passed(error: Answer | undefined): void {
    if (!error || this.#settled) return
    this.#settled = true
    const answer = { ...error, headers: this.#response.headers }
    const { owner } = this.#attempt
    const failure = settleFailure(this.#attempt, answer)
    owner.spent(this.#soFar(), "partial")
    owner.failedLate(failure.verdict)
  }

  #keepTail(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.#tail.length + bytes.length)
    joined.set(this.#tail)
    joined.set(bytes, this.#tail.length)
    this.#tail = joined.slice(-4096)
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
      const known = this.#isCounted || this.#form === "events" ? usage : undefined
      return settleAnswer(this.#attempt, answer, known, latency, this.#isCounted ? "counted" : "guessed")
    }
    // The vendor has worked on it, and charges for that, whether or not anybody read the end.
    const usd = owner.spent(usage, "partial")
    const actual = unlessItThrows(() => this.#vendor.charged(estimate, usage)) ?? estimate
    permit.settle({ outcome: "ignored", actual: usd === undefined ? actual : { ...actual, usd } })
  }

  get #isCounted(): boolean {
    const { inputTokens, outputTokens } = this.#usage
    return inputTokens !== undefined && outputTokens !== undefined && this.#uncounted === 0 && !this.#usage.isDoubtful
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
      // While it is held, the attempt fails and can be made again.
      if (!this.#isHeld) this.#settle("ignored")
      // A caller that is slow itself keeps its stream, without the permit.
      if (this.#asking) {
        const message = `the stream was silent for ${idleTimeoutMs} ms (idleTimeoutMs)`
        this.#abort.abort(new DOMException(message, "TimeoutError"))
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

/** What a router sends when the vendor behind it has hung up. */
const emptyAnswer: Answer = {
  status: 502,
  headers: new Headers(),
  body: { error: { type: "server_error", code: "empty-answer", message: "The stream ended before it began." } },
}

/** One JSON object, or Gemini's list that begins with an error: no stream. */
function mayBeError(bytes: Uint8Array): boolean {
  const start = new TextDecoder().decode(bytes.subarray(0, 100)).trimStart()
  return start.startsWith("{") || /^\[\s{0,20}\{\s{0,20}"error"/.test(start)
}

function parsed(chunks: readonly Uint8Array<ArrayBuffer>[]): unknown {
  const decoder = new TextDecoder()
  return JSON.parse(chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("")) as unknown
}
