import type { Clock } from "@sluice/core"
import { chargedFor } from "../../accounts/accounting.ts"
import type { contentTypeOf } from "../../http/content-type.ts"
import { meteredBody } from "../../http/metered-body.ts"
import { errorResponse, rebodiedResponse } from "../../http/response.ts"
import type { VendorAnswer } from "../../vendors/vendor.ts"
import type { CallAttemptEnd, CallAttempt, SentAttempt } from "./attempt.ts"
import { endOfAnswer, endOfFailure } from "./attempt-end.ts"
import { okVerdict } from "../failure/verdict.ts"
import { withoutKeys } from "../failure/without-keys.ts"
import { StreamReading } from "./stream-reading.ts"

type BodyReader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>

// So much may come before the first piece of an answer; then it is handed on as it is.
const mostHeld = 262_144

/** An answer that arrives piece by piece: its permit lives until the stream ends. */
export class StreamedAnswer {
  readonly #attempt: CallAttempt
  readonly #clock: Clock
  readonly #response: Response
  readonly #abort: AbortController
  readonly #begun: () => void
  readonly #letGo: () => void
  readonly #reading: StreamReading
  /** What the caller must not see before it is known whether an answer follows. */
  #isHeld = true
  #firstMs: number | undefined
  #lastMs = 0
  #asking = false
  #end: CallAttemptEnd | undefined
  #onEnd: ((end: CallAttemptEnd) => void) | undefined
  #disarmIdle: (() => void) | undefined

  /** `begun` is called once the answer has begun, `letGo` at the end. */
  constructor(
    attempt: CallAttempt,
    response: Response,
    type: ReturnType<typeof contentTypeOf>,
    abort: AbortController,
    begun: () => void,
    letGo: () => void,
  ) {
    this.#attempt = attempt
    this.#clock = attempt.context.clock
    this.#response = response
    this.#reading = new StreamReading(attempt, type)
    this.#abort = abort
    this.#begun = begun
    this.#letGo = letGo
  }

  /** The response, once its first piece of output is there: an error before it is a failure that can still be retried. */
  async head(): Promise<SentAttempt> {
    const reader = this.#response.body?.getReader()
    if (!reader) {
      this.#over("success")
      return this.#handedOn(this.#response)
    }
    const held: Uint8Array<ArrayBuffer>[] = []
    try {
      return await this.#untilOutput(reader, held)
    } catch (error) {
      this.#release()
      throw error
    }
  }

  async #untilOutput(reader: BodyReader, held: Uint8Array<ArrayBuffer>[]): Promise<SentAttempt> {
    let error: VendorAnswer | undefined
    let isOver = false
    for (let bytes = 0; this.#isHeld && !error && !isOver;) {
      this.#asking = true
      const { done, value } = await reader.read()
      if (held.length === 0) this.#firstByte()
      isOver = done
      if (done) {
        error = this.#reading.last(held)
      } else {
        held.push(value)
        bytes += value.length
        error = this.#watch(value)
        if (this.#reading.hasBegun || bytes > mostHeld) this.#isHeld = false
      }
    }
    if (error && this.#isHeld) return this.#failed(error)
    this.#isHeld = false
    this.#begun()
    this.#passed(error)
    if (isOver) this.#over("success")
    // Who gives up between two pieces reads no further one that could say so.
    else this.#abort.signal.addEventListener("abort", () => this.#left(), { once: true })
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
          if (!this.#end) this.#passed(this.#reading.last())
          this.#over("success")
        },
        fail: (error) => {
          this.#over("ignored", "connection")
          return withoutKeys(error, this.#attempt.prepared.hide)
        },
        cancel: () => this.#left(this.#reading.isCounted && this.#reading.hasOutput),
      },
      held,
    )
    const handed = rebodiedResponse(this.#response, body)
    abandoned.register(body, this)
    return this.#handedOn(handed)
  }

  #handedOn(response: Response): SentAttempt {
    return { response, end: this.#end ?? ((listener) => this.#whenEnded(listener)) }
  }

  #whenEnded(listener: (end: CallAttemptEnd) => void): void {
    if (this.#end) listener(this.#end)
    else this.#onEnd = listener
  }

  #firstByte(): void {
    this.#lastMs = this.#clock.now()
    this.#armIdle()
  }

  /** Reads along. Returns the error that the bytes bring. Never throws: the bytes are the caller's, whatever they say. */
  #watch(bytes: Uint8Array): VendorAnswer | undefined {
    this.#asking = false
    this.#lastMs = this.#clock.now()
    if (this.#end) return undefined
    this.#firstMs ??= this.#lastMs
    return this.#reading.piece(bytes)
  }

  /** Before any output: the attempt has failed, and nobody has seen anything of it. */
  #failed({ status, body }: VendorAnswer): SentAttempt {
    this.#release()
    this.#abort.abort()
    const bytes = new TextEncoder().encode(JSON.stringify(body))
    const answer = { status, headers: this.#response.headers, body }
    const { failure, end } = endOfFailure(this.#attempt, answer, errorResponse(status, bytes, this.#response), bytes)
    this.#finish(end)
    return { failure, end }
  }

  /** In the middle the caller gets the event as it is; the stream goes on as long as the vendor sends. */
  #passed(error: VendorAnswer | undefined): void {
    if (!error || this.#end) return
    const { failure, end } = endOfFailure(this.#attempt, { ...error, headers: this.#response.headers })
    const { verdict } = failure
    this.#finish({
      ...end,
      used: { usage: this.#reading.soFar, how: "partial" },
      ...this.#answered({ verdict, status: "failed", error: verdict.code }),
    })
  }

  /** The caller reads no further. */
  #left(isCounted = false): void {
    this.#over(isCounted || this.#reading.isWhole ? "success" : "ignored")
  }

  /** Nothing comes any more. */
  #over(outcome: "success" | "ignored", error?: string): void {
    this.#release()
    this.#settle(outcome, error)
  }

  /** `error`: it broke off, and not because the caller wished so. */
  #settle(outcome: "success" | "ignored", error?: string): void {
    if (this.#end) return
    const status = error === undefined ? (outcome === "success" ? "ok" : "cancelled") : "failed"
    const end = outcome === "success" ? this.#endOfWhole() : this.#endOfCut()
    this.#finish({ ...end, ...this.#answered({ verdict: okVerdict, status, ...(error && { error }) }) })
  }

  #finish(end: CallAttemptEnd): void {
    this.#end = { ...end, unreadable: this.#reading.unreadable }
    this.#onEnd?.(this.#end)
  }

  #answered(
    how: Pick<NonNullable<CallAttemptEnd["answered"]>, "verdict" | "status" | "error">,
  ): Pick<CallAttemptEnd, "answered"> {
    return { answered: { response: this.#response, firstMs: this.#firstMs, ...how } }
  }

  #endOfWhole(): CallAttemptEnd {
    const { status, headers } = this.#response
    const { startMs } = this.#attempt
    const latency = {
      totalMs: this.#clock.now() - startMs,
      ...(this.#firstMs === undefined ? {} : { firstTokenMs: this.#firstMs - startMs }),
    }
    const how = this.#reading.isCounted ? "counted" : "guessed"
    return endOfAnswer(this.#attempt, { status, headers, body: undefined }, this.#reading.whole, latency, how)
  }

  /** The vendor has worked on it, and charges for that, whether or not anybody read the end. */
  #endOfCut(): CallAttemptEnd {
    const { prepared, estimate } = this.#attempt
    const usage = this.#reading.soFar
    const actual = chargedFor(prepared, estimate, usage, false)
    return { settlement: { outcome: "ignored", actual }, used: { usage, how: "partial" } }
  }

  #armIdle(): void {
    const { clock, idleTimeoutMs } = this.#attempt.context
    const check = (): void => {
      const leftMs = this.#lastMs + idleTimeoutMs - clock.now()
      if (leftMs > 0) {
        this.#disarmIdle = clock.setTimer(leftMs, check)
        return
      }
      this.#disarmIdle = undefined
      // While it is held, the attempt fails and can be made again.
      if (!this.#isHeld) this.#settle("ignored", "timeout")
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
    this.#left()
    this.#abort.abort()
  }
}

const abandoned = new FinalizationRegistry<StreamedAnswer>((answer) => answer.abandon())
