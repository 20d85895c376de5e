import { hash } from "node:crypto"
import type { FastifyReply, FastifyRequest } from "fastify"
import type { SimulatedAnswer } from "../answers/answer.ts"
import { luckOf } from "../clock/seeded-random.ts"
import type { ArrivalDecision } from "../vendor/core.ts"
import type { VendorRefusal } from "../vendor/refusal.ts"
import { answerOffSchema, answerTo } from "./send/answer-to.ts"
import { abandon, goneSignal, sendReply, type AnswerDelivery } from "./send/delivery.ts"
import { voices } from "./http-app.ts"
import type { WireCall } from "./wire/model-call.ts"
import { parseJson } from "./wire/parse-body.ts"
import { pause } from "./send/pause.ts"
import { sendFaulty } from "./send/send-faulty.ts"
import { sendStream } from "./send/send-stream.ts"
import type { VendorState } from "./vendor-state.ts"
import type { VendorVoice } from "./wire/vendor-voice.ts"
import type { WireFormat } from "./wire/wire-format.ts"

/** Reads a call, asks the core, waits as long as the model takes, answers or fails as the core says. */
export async function serveCall(
  format: WireFormat,
  request: FastifyRequest,
  reply: FastifyReply,
  state: VendorState,
  params: Readonly<Record<string, string>> = {},
): Promise<void> {
  const voice = voices[format.vendor]
  const call = format.readCall(parseJson(request.body), params)
  // Composed only when the core asks for its length: a refused call costs no answer.
  let composed: SimulatedAnswer | undefined
  const answer = (): SimulatedAnswer => (composed ??= answerTo(format, call, state))
  const id = state.identify?.(call) ?? hash("sha1", request.body as Buffer)
  const verdict = state.core.arrive({
    id,
    key: keyOf(request),
    inputTokens: call.inputTokens,
    get outputTokens() {
      return answer().outputTokens
    },
    ...(call.maxOutputTokens !== undefined && { maxTokens: call.maxOutputTokens }),
  })
  const over = state.memory.calls.begin({
    atMs: state.clock.now(),
    api: format.vendor,
    model: call.model,
    inputTokens: call.inputTokens,
    ...troubleOf(verdict),
  })
  reply.raw.once("close", () => over(reply.raw.writableFinished ? reply.raw.statusCode : 0, state.clock.now()))
  if (!verdict.admitted) return refuse(verdict, voice, call, request, reply, state)

  const isOff = verdict.fault === "offSchema"
  const off = isOff ? answerOffSchema(call, answer(), luckOf(state.seed, "off-schema", id)) : undefined
  const delivery: AnswerDelivery = {
    request,
    reply,
    state,
    format,
    voice,
    exchange: { id: request.id.replace("req_", ""), createdS: Math.floor(state.clock.wallNow() / 1000), call },
    answer: off ?? answer(),
    ending: off ? "offSchema" : "answered",
    admission: verdict,
    headers: {
      ...voice.requestHeaders(request.id),
      ...voice.limitHeaders(verdict.limits ?? [], state.clock.wallNow()),
    },
    gone: goneSignal(reply, state.stopping),
  }
  if (verdict.fault !== undefined && verdict.fault !== "offSchema") return sendFaulty(delivery, verdict.fault)
  return call.stream ? sendStream(delivery) : sendWhole(delivery)
}

/** Why it is refused, or what will go wrong with its answer. */
function troubleOf(verdict: ArrivalDecision): { trouble?: string } {
  if (!verdict.admitted) return { trouble: [verdict.reason, verdict.dimension].filter(Boolean).join(":") }
  return verdict.fault === undefined ? {} : { trouble: verdict.fault }
}

async function sendWhole(delivery: AnswerDelivery): Promise<void> {
  const { reply, state, format, exchange, answer, ending, admission, headers, gone } = delivery
  if (!(await pause(state.clock, admission.totalMs, gone))) return abandon(delivery)
  admission.finish(ending, ending === "answered" ? undefined : answer.outputTokens)
  await reply.headers(headers).send(format.body(exchange, answer))
}

async function refuse(
  refusal: VendorRefusal,
  voice: VendorVoice,
  { model }: WireCall,
  request: FastifyRequest,
  reply: FastifyReply,
  { clock, billingCode }: VendorState,
): Promise<void> {
  if (refusal.status === 0) {
    reply.hijack()
    request.raw.socket.resetAndDestroy()
    return
  }
  const answer = voice.refuse(refusal, { model, requestId: request.id, billingCode })
  await sendReply(reply, answer, {
    ...voice.requestHeaders(request.id),
    ...voice.limitHeaders(refusal.limits ?? [], clock.wallNow()),
  })
}

/** The key under which a call comes, in whichever place its vendor has it. */
export function keyOf({ headers, query }: FastifyRequest): string {
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1]
  const given =
    bearer ??
    headers["api-key"] ??
    headers["x-api-key"] ??
    headers["x-goog-api-key"] ??
    (query as { key?: unknown } | undefined)?.key
  return typeof given === "string" ? given : ""
}
