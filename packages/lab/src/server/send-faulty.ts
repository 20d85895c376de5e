import type { ServingFault } from "../vendor-faults.ts"
import { pause } from "./pause.ts"
import { sendReply, type Delivery } from "./serve-call.ts"
import { sendStream } from "./send-stream.ts"

/** Lets an admitted call go wrong, after the time it would have taken. */
export async function sendFaulty(delivery: Delivery, fault: ServingFault): Promise<void> {
  const { request, reply, state, voice, exchange, answer, admission, headers, gone, format } = delivery
  const context = { model: exchange.call.model, requestId: request.id, billingCode: undefined }
  const half = Math.ceil(answer.outputTokens / 2)

  if (fault === "hang") {
    reply.hijack()
    // Ends with the client's patience or with the vendor.
    await pause(state.clock, Infinity, gone)
    admission.finish("hang")
    return
  }
  if (fault === "error500" || fault === "reset") {
    if (!(await pause(state.clock, admission.firstTokenMs, gone))) return admission.finish("cancelled")
    admission.finish(fault)
    if (fault === "error500") return sendReply(reply, voice.error(500, "", null, context), headers)
    reply.hijack()
    request.raw.socket.resetAndDestroy()
    return
  }

  const { stream } = exchange.call
  if (stream) await sendStream(delivery, 0.5)
  else if (!(await pause(state.clock, admission.totalMs, gone))) admission.finish("cancelled")
  if (gone.aborted) return
  admission.finish(fault, half)
  if (!stream && fault === "streamError") return sendReply(reply, voice.error(500, "", null, context), headers)

  const { raw } = reply
  if (!stream) reply.hijack()
  if (fault === "streamError") return void raw.end(voice.streamError(request.id))
  if (stream) {
    if (fault === "malformed") return void raw.end('data: {"id": "broken", \n\n')
    raw.write('data: {"id": "trunc', () => raw.destroy())
    return
  }
  const body = Buffer.from(JSON.stringify(format.body(exchange, answer)))
  const broken = body.subarray(0, Math.ceil(body.length / 2))
  const length = fault === "truncate" ? body.length : broken.length
  raw.writeHead(200, { ...headers, "content-type": "application/json; charset=utf-8", "content-length": length })
  if (fault === "malformed") raw.end(broken)
  else raw.write(broken, () => raw.destroy())
}
