import type { FastifyReply, FastifyRequest } from "fastify"
import type { SimulatedAnswer } from "../../answers/answer.ts"
import type { Admission } from "../../vendor/core.ts"
import type { VendorState } from "../vendor-state.ts"
import type { HttpReply, VendorVoice } from "../wire/vendor-voice.ts"
import type { Exchange, WireFormat } from "../wire/wire-format.ts"

/** One admitted call on its way out. */
export interface AnswerDelivery {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly state: VendorState
  readonly format: WireFormat
  readonly voice: VendorVoice
  readonly exchange: Exchange
  readonly answer: SimulatedAnswer
  /** How it ends when nothing goes wrong on the way. */
  readonly ending: "answered" | "offSchema"
  readonly admission: Admission
  readonly headers: Readonly<Record<string, string>>
  /** Aborted when the client has gone or the vendor stops. */
  readonly gone: AbortSignal
}

/** A signal that is aborted when the client leaves before its answer is complete, or when the vendor stops. */
export function goneSignal(reply: FastifyReply, stopping: AbortSignal): AbortSignal {
  const gone = new AbortController()
  // A reason of its own: the default is an exception with a stack, made for nobody.
  const abort = (): void => gone.abort("gone")
  stopping.addEventListener("abort", abort, { once: true })
  reply.raw.once("close", () => {
    stopping.removeEventListener("abort", abort)
    if (!reply.raw.writableFinished) abort()
  })
  return gone.signal
}

/** Nobody waits for the answer any more, or the vendor stops: the connection ends without one. */
export function abandon({ reply, admission }: AnswerDelivery): void {
  admission.finish("cancelled")
  reply.hijack()
  reply.raw.destroy()
}

/** Sends an answer that is not the model's. */
export async function sendReply(
  reply: FastifyReply,
  answer: HttpReply,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  await reply
    .code(answer.status)
    .headers({ ...headers, ...answer.headers })
    .send(answer.body)
}
