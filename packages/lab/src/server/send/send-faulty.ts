import type { BreakingFault } from "../../vendor/faults.ts"
import { pause } from "./pause.ts"
import { abandon, sendReply, type AnswerDelivery } from "./delivery.ts"
import { sendStream } from "./send-stream.ts"

/** Lets an admitted call go wrong, after the time it would have taken. */
export async function sendFaulty(delivery: AnswerDelivery, fault: BreakingFault): Promise<void> {
  const { request, reply, state, admission, gone, exchange } = delivery
  switch (fault) {
    case "hang":
      reply.hijack()
      // Ends with the client's patience or with the vendor.
      await pause(state.clock, Infinity, gone)
      return admission.finish("hang")
    case "error500":
    case "reset":
      if (!(await pause(state.clock, admission.firstTokenMs, gone))) return abandon(delivery)
      admission.finish(fault)
      if (fault === "error500") return sendServerError(delivery)
      reply.hijack()
      request.raw.socket.resetAndDestroy()
      return
    case "streamError":
    case "truncate":
    case "malformed":
      return exchange.call.stream ? sendStream(delivery, fault) : sendBroken(delivery, fault)
  }
}

/** An answer that is not streamed and breaks after all of it was produced. A stream's error is a 500 here. */
async function sendBroken(delivery: AnswerDelivery, fault: "streamError" | "truncate" | "malformed"): Promise<void> {
  const { reply, state, format, exchange, answer, admission, gone } = delivery
  if (!(await pause(state.clock, admission.totalMs, gone))) return abandon(delivery)
  admission.finish(fault, answer.outputTokens)
  if (fault === "streamError") return sendServerError(delivery)

  const body = Buffer.from(JSON.stringify(format.body(exchange, answer)))
  const half = body.subarray(0, Math.ceil(body.length / 2))
  reply.hijack()
  reply.raw.writeHead(200, {
    ...delivery.headers,
    "content-type": "application/json; charset=utf-8",
    "content-length": fault === "truncate" ? body.length : half.length,
  })
  if (fault === "malformed") reply.raw.end(half)
  else reply.raw.write(half, () => reply.raw.destroy())
}

function sendServerError({ request, reply, voice, exchange, headers }: AnswerDelivery): Promise<void> {
  const context = { model: exchange.call.model, requestId: request.id, billingCode: undefined }
  return sendReply(reply, voice.error(500, "", null, context), headers)
}
