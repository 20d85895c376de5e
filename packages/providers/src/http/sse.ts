/** One server-sent event. `event` is `"message"` when the stream names none. */
export interface SseEvent {
  readonly event: string
  readonly data: string
}

// A line this long without an end is no event stream that we can read: it is dropped, not kept in memory.
const longestLine = 8_000_000

/**
 * Reads server-sent events out of a byte stream, chunk by chunk, whatever the chunk borders (also inside a
 * character). Holds at most the unfinished event.
 *
 * Source: WHATWG HTML §9.2.6.
 *
 * @example
 * ```ts
 * const reader = new SseReader()
 * reader.push(new TextEncoder().encode("data: {\"a\":1}\n\n")) // => [{ event: "message", data: "{\"a\":1}" }]
 * ```
 */
export class SseReader {
  readonly #decoder = new TextDecoder()
  #rest = ""
  #event = ""
  #data: string | undefined

  push(bytes: Uint8Array): SseEvent[] {
    return this.#lines(this.#decoder.decode(bytes, { stream: true }))
  }

  /** What is left when the stream ends without its last blank line; the vendors' SDKs read that too. */
  end(): SseEvent[] {
    return this.#lines(`${this.#decoder.decode()}\n\n`)
  }

  #lines(text: string): SseEvent[] {
    const events: SseEvent[] = []
    const all = this.#rest + text
    let from = 0
    for (;;) {
      const to = lineEnd(all, from)
      if (to < 0) break
      this.#line(all.slice(from, to), events)
      from = all.charCodeAt(to) === 13 && all.charCodeAt(to + 1) === 10 ? to + 2 : to + 1
    }
    this.#rest = all.length - from > longestLine ? "" : all.slice(from)
    return events
  }

  #line(line: string, events: SseEvent[]): void {
    if (line === "") {
      if (this.#data !== undefined) events.push({ event: this.#event || "message", data: this.#data })
      this.#event = ""
      this.#data = undefined
      return
    }
    const colon = line.indexOf(":")
    const field = colon < 0 ? line : line.slice(0, colon)
    if (field !== "data" && field !== "event") return
    const value = colon < 0 ? "" : line.slice(line.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1)
    if (field === "event") this.#event = value
    else this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`
  }
}

function lineEnd(text: string, from: number): number {
  const newline = text.indexOf("\n", from)
  const carriage = text.indexOf("\r", from)
  if (carriage < 0 || (newline >= 0 && newline < carriage)) return newline
  // A carriage return at the very end may be half of a pair: wait for the next chunk.
  return carriage === text.length - 1 ? -1 : carriage
}
