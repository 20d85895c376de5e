import { once } from "node:events"
import { pause } from "./pause.ts"
import type { Delivery } from "./serve-call.ts"
import { streamPieces } from "./stream-pieces.ts"

/** Streams the answer at the model's pace. With `upTo` (0–1) only that share of the text, left open for whoever breaks it. */
export async function sendStream(delivery: Delivery, upTo?: number): Promise<void> {
  const { reply, state, format, exchange, answer, admission, headers, gone } = delivery
  const { firstTokenMs, totalMs } = admission
  const script = format.script(exchange, answer)
  if (!(await pause(state.clock, firstTokenMs, gone))) return admission.finish("cancelled")

  reply.hijack()
  const response = reply.raw
  response.writeHead(200, {
    ...headers,
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
  })
  const text = upTo === undefined ? answer.text : answer.text.slice(0, Math.floor(answer.text.length * upTo))
  let waiting = script.opening
  let sent = 0
  for (const piece of streamPieces(text, (totalMs - firstTokenMs) / answer.outputTokens)) {
    if (piece.waitMs > 0) {
      response.write(waiting)
      waiting = ""
      if (!(await pause(state.clock, piece.waitMs, gone))) {
        return admission.finish("cancelled", Math.floor((answer.outputTokens * sent) / Math.max(1, answer.text.length)))
      }
    }
    waiting += script.piece(piece.text)
    sent += piece.text.length
    if (waiting.length > 32_768) {
      if (!response.write(waiting) && !gone.aborted)
        await once(response, "drain", { signal: gone }).catch(() => undefined)
      waiting = ""
    }
  }
  if (upTo !== undefined) {
    response.write(waiting)
    return
  }
  admission.finish("answered")
  response.end(waiting + script.closing)
}
