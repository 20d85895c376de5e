import type { SseEvent } from "./sse.ts"

/**
 * Reads the lines out of a byte stream, chunk by chunk, whatever the chunk borders (also inside a character). Holds at most the
 * unfinished line; one of more than `longest` characters is left out.
 */
export class LineReader {
  readonly #decoder = new TextDecoder()
  readonly #longest: number
  #rest = ""
  #isTooLong = false

  constructor(longest: number) {
    this.#longest = longest
  }

  /** The lines that end in it, without blank ones. */
  push(bytes: Uint8Array): string[] {
    return this.#lines(this.#decoder.decode(bytes, { stream: true }))
  }

  /** What is left when the stream ends without a last line end. */
  end(): string[] {
    return this.#lines(`${this.#decoder.decode()}\n`)
  }

  #lines(text: string): string[] {
    const lines: string[] = []
    for (const [index, piece] of text.split("\n").entries()) {
      if (index > 0) {
        if (!this.#isTooLong && this.#rest.trim() !== "") lines.push(this.#rest)
        this.#rest = ""
        this.#isTooLong = false
      }
      this.#rest += piece
      this.#isTooLong ||= this.#rest.length > this.#longest
      if (this.#isTooLong) this.#rest = ""
    }
    return lines
  }
}

// Characters. As of server-sent events.
const longestEvent = 8_000_000

/** A stream of JSON lines (Ollama's), each read as the data of an event. */
export class LineEvents {
  readonly #lines = new LineReader(longestEvent)

  push(bytes: Uint8Array): SseEvent[] {
    return this.#lines.push(bytes).map(asEvent)
  }

  end(): SseEvent[] {
    return this.#lines.end().map(asEvent)
  }
}

const asEvent = (data: string): SseEvent => ({ event: "message", data })
