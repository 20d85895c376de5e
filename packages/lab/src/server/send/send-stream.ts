import { once } from "node:events"
import type { ServingFault } from "../../vendor/faults.ts"
import { pause } from "./pause.ts"
import { abandon, type AnswerDelivery } from "./delivery.ts"
import { CHARACTERS_PER_TOKEN } from "../../answers/token-count.ts"

/** How a stream can break once it runs. */
export type StreamFault = Extract<ServingFault, "streamError" | "truncate" | "malformed">

/** Beyond this, what nobody reads yet is not piled up in memory. */
const BUFFERED_CHARACTERS = 32_768

/** Streams the answer at the model's pace; with a fault only half of it, and then the break. */
export async function sendStream(delivery: AnswerDelivery, fault?: StreamFault): Promise<void> {
  const { reply, state, format, exchange, answer, ending, admission, headers, gone } = delivery
  const { firstTokenMs, totalMs } = admission
  if (!(await pause(state.clock, firstTokenMs, gone))) return abandon(delivery)

  reply.hijack()
  const response = reply.raw
  response.writeHead(200, {
    ...headers,
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
  })
  const script = format.script(exchange, answer)
  const text = fault === undefined ? answer.text : answer.text.slice(0, Math.ceil(answer.text.length / 2))
  const tokensIn = (characters: number): number =>
    Math.floor((answer.outputTokens * characters) / Math.max(1, answer.text.length))
  let waiting = script.opening()
  let sent = 0
  for (const piece of streamPieces(text, (totalMs - firstTokenMs) / answer.outputTokens)) {
    if (piece.waitMs > 0) {
      response.write(waiting)
      waiting = ""
      if (!(await pause(state.clock, piece.waitMs, gone))) return admission.finish("cancelled", tokensIn(sent))
    }
    waiting += script.piece(piece.text)
    sent += piece.text.length
    if (waiting.length < BUFFERED_CHARACTERS) continue
    if (!response.write(waiting)) await once(response, "drain", { signal: gone }).catch(() => undefined)
    if (gone.aborted) return admission.finish("cancelled", tokensIn(sent))
    waiting = ""
  }

  if (fault === undefined) {
    admission.finish(ending, ending === "answered" ? undefined : answer.outputTokens)
    response.end(waiting + script.closing())
    return
  }
  admission.finish(fault, tokensIn(sent))
  if (fault === "streamError") response.end(waiting + script.broken())
  else if (fault === "malformed") response.end(`${waiting}data: {"id": "chatcm\n\n`)
  else response.write(`${waiting}data: {"id": "chatcm`, () => response.destroy())
}

/** Writes closer together than this cost more than they show. */
const SMALLEST_GAP_MS = 8
/** Tokens in a piece when there is no pace. */
const UNPACED_TOKENS = 8

/** A part of a streamed answer and the time that passes before it. */
export interface StreamPiece {
  readonly text: string
  readonly waitMs: number
}

/** Cuts a text so that it arrives at `msPerToken`, in pieces of whole tokens. */
export function* streamPieces(text: string, msPerToken: number): Generator<StreamPiece> {
  const tokens = msPerToken > 0 ? Math.max(1, Math.ceil(SMALLEST_GAP_MS / msPerToken)) : UNPACED_TOKENS
  const size = tokens * CHARACTERS_PER_TOKEN
  for (let start = 0; start < text.length;) {
    const splitsPair = /[\uD800-\uDBFF]/.test(text.charAt(start + size - 1)) && start + size < text.length
    const end = Math.min(text.length, start + size + (splitsPair ? 1 : 0))
    yield { text: text.slice(start, end), waitMs: (msPerToken * (end - start)) / CHARACTERS_PER_TOKEN }
    start = end
  }
}
