import { LineReader } from "./line-reader.ts"
import type { SseEvent } from "./sse.ts"

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
