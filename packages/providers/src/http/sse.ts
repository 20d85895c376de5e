/** One server-sent event. `event` is `"message"` when the stream names none. */
export interface SseEvent {
  readonly event: string
  readonly data: string
}

// Characters. Nothing that a vendor sends as one event is longer; what is, is let by, not kept in memory.
const longestEvent = 8_000_000

/**
 * Reads server-sent events out of a byte stream, chunk by chunk, whatever the chunk borders (also inside a
 * character). Holds at most the unfinished event; one of more than 8,000,000 characters is left out.
 * Cost: each byte is looked at once.
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
  /** The line that has not ended. */
  #rest = ""
  #endedInReturn = false
  #event = ""
  #data: string | undefined
  #isTooLong = false

  push(bytes: Uint8Array): SseEvent[] {
    return this.#lines(this.#decoder.decode(bytes, { stream: true }))
  }

  /** What is left when the stream ends without its last blank line; the vendors' SDKs read that too. */
  end(): SseEvent[] {
    return this.#lines(`${this.#decoder.decode()}\n\n`)
  }

  #lines(text: string): SseEvent[] {
    const events: SseEvent[] = []
    if (text === "") return events
    // The second half of a line end that the border of two chunks has cut.
    let from = this.#endedInReturn && text.startsWith("\n") ? 1 : 0
    this.#endedInReturn = text.endsWith("\r")
    let newline = text.indexOf("\n", from)
    let carriage = text.indexOf("\r", from)
    while (newline >= 0 || carriage >= 0) {
      const to = carriage < 0 || (newline >= 0 && newline < carriage) ? newline : carriage
      this.#line(this.#rest + text.slice(from, to), events)
      this.#rest = ""
      from = to === carriage && newline === to + 1 ? to + 2 : to + 1
      if (newline >= 0 && newline < from) newline = text.indexOf("\n", from)
      if (carriage >= 0 && carriage < from) carriage = text.indexOf("\r", from)
    }
    this.#keep(text.slice(from))
    return events
  }

  /** Not searched again: only what comes next may end it. */
  #keep(text: string): void {
    if (text === "") return
    this.#rest += text
    if (this.#rest.length + (this.#data?.length ?? 0) <= longestEvent) return
    this.#isTooLong = true
    this.#data = undefined
    // Any line that is not blank.
    this.#rest = ":"
  }

  #line(line: string, events: SseEvent[]): void {
    if (line === "") {
      if (this.#data !== undefined && !this.#isTooLong)
        events.push({ event: this.#event || "message", data: this.#data })
      this.#event = ""
      this.#data = undefined
      this.#isTooLong = false
      return
    }
    const colon = line.indexOf(":")
    const field = colon < 0 ? line : line.slice(0, colon)
    if ((field !== "data" && field !== "event") || this.#isTooLong) return
    const value = colon < 0 ? "" : line.slice(line.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1)
    if (field === "event") this.#event = value
    else this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`
    if (this.#data !== undefined && this.#data.length > longestEvent) {
      this.#isTooLong = true
      this.#data = undefined
    }
  }
}
