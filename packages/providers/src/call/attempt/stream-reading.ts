import type { contentTypeOf } from "../../http/content-type.ts"
import { LineEvents } from "../../http/line-reader.ts"
import { SseReader, type SseEvent } from "../../http/sse.ts"
import { emptyAnswer, errorInside } from "../../vendors/reading/empty-answer.ts"
import { grownUsage } from "../../vendors/reading/usage-total.ts"
import { usageInTail } from "../../vendors/reading/usage-in-tail.ts"
import { unlessItThrows } from "../../vendors/unless-it-throws.ts"
import type { VendorAnswer, Usage, Vendor } from "../../vendors/vendor.ts"
import type { CallAttempt } from "./attempt.ts"

// So much of the end of an answer that is not read is kept, where the usage may stand.
const tailBytes = 4096

/**
 * What the pieces of an answer say, while they go by. Never throws: the bytes are the caller's, whatever they say.
 */
export class StreamReading {
  /** All has come, though nobody has read that there is no more: a client of OpenAI's leaves at `[DONE]`. */
  isWhole = false
  readonly #vendor: Vendor
  readonly #facts: CallAttempt["facts"]
  readonly #likelyInputTokens: number
  readonly #events: SseReader | LineEvents
  /** How it comes: as events, as one JSON object although a stream was asked for, or as bytes that nobody here reads. */
  #form: "events" | "object" | "bytes"
  #usage: Partial<Usage> = {}
  /** Pieces of the answer that came after the last count. */
  #uncounted = 0
  #tail = new Uint8Array(0)
  #hasBegun = false
  #hasOutput = false
  #unreadable: Error | undefined

  constructor({ prepared, facts, estimate }: CallAttempt, type: ReturnType<typeof contentTypeOf>) {
    this.#vendor = prepared.vendor
    this.#facts = facts
    this.#likelyInputTokens = estimate.inputTokens ?? 0
    this.#events = type === "lines" ? new LineEvents() : new SseReader()
    this.#form = type === "json" ? "object" : type === "other" ? "bytes" : "events"
  }

  /** Something that the caller may see has come: an error after it is the caller's. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** A piece of the answer has come. */
  get hasOutput(): boolean {
    return this.#hasOutput
  }

  /** Whether the vendor has counted everything that came. */
  get isCounted(): boolean {
    const { inputTokens, outputTokens } = this.#usage
    return inputTokens !== undefined && outputTokens !== undefined && this.#uncounted === 0 && !this.#usage.isDoubtful
  }

  /** The usage of the whole answer, where its pieces or the vendor tell one. */
  get whole(): Usage | undefined {
    return this.isCounted || this.#form === "events" ? this.soFar : undefined
  }

  /** What the vendor's code could not read of it. */
  get unreadable(): Error | undefined {
    return this.#unreadable
  }

  /** What the vendor has counted; for the rest, about one token in each piece. */
  get soFar(): Usage {
    const { inputTokens, outputTokens = 0, cachedInputTokens = 0, cacheWriteTokens = 0 } = this.#usage
    return {
      inputTokens: inputTokens ?? this.#likelyInputTokens,
      outputTokens: outputTokens + this.#uncounted,
      cachedInputTokens,
      cacheWriteTokens,
    }
  }

  /** Reads a piece. Returns the error that it brings. */
  piece(bytes: Uint8Array): VendorAnswer | undefined {
    if (this.#form === "events") return this.#read(() => this.#events.push(bytes))
    if (this.#form === "object" && this.#tail.length === 0 && !mayBeError(bytes)) this.#form = "bytes"
    if (this.#form === "bytes") this.#hasBegun = true
    this.#keepTail(bytes)
    return undefined
  }

  /** What the end brings, and the whole of one that is no stream. `held`: its pieces, of which the caller has seen none yet. */
  last(held?: readonly Uint8Array<ArrayBuffer>[]): VendorAnswer | undefined {
    if (this.#form === "events") {
      const error = this.#read(() => this.#events.end())
      const isEmpty = held !== undefined && !this.#hasBegun && !this.#vendor.takesAnything
      return error ?? (isEmpty ? emptyAnswer : undefined)
    }
    const body = this.#form === "object" ? unlessItThrows(() => parsed(held ?? [])) : usageInTail(this.#tail)
    this.#usage = unlessItThrows(() => this.#vendor.usage(body)) ?? {}
    if (this.#form === "bytes") return undefined
    this.#facts?.whole(body)
    return unlessItThrows(() => errorInside(this.#vendor, body))
  }

  #read(events: () => readonly SseEvent[]): VendorAnswer | undefined {
    try {
      for (const event of events()) {
        const fact = this.#vendor.streamEvent(event)
        this.#facts?.event(event.data)
        if (fact?.error && !this.#vendor.takesAnything) return fact.error
        if (!fact?.prelude) this.#hasBegun = true
        if (fact?.last) this.isWhole = true
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
      this.#hasBegun = true
      this.#unreadable = error instanceof Error ? error : new Error(String(error))
    }
    return undefined
  }

  #keepTail(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.#tail.length + bytes.length)
    joined.set(this.#tail)
    joined.set(bytes, this.#tail.length)
    this.#tail = joined.slice(-tailBytes)
  }
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
