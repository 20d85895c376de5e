import type { FastifyInstance } from "fastify"
import { vendorOfPath, voices } from "../http-app.ts"
import { sendReply } from "../send/delivery.ts"
import { keyOf } from "../serve-call.ts"
import type { VendorState } from "../vendor-state.ts"

const API_PATH = /^\/(?:v1|openai\/)/

/** Answers 401 to every call of a vendor's API whose key is not among those let in. Without a list everybody is let in. */
export function refuseKeys(
  app: FastifyInstance,
  allowed: () => readonly string[] | undefined,
  state: VendorState,
): void {
  app.addHook("onRequest", async (request, reply) => {
    const keys = allowed()
    if (keys === undefined || !API_PATH.test(request.url) || keys.includes(keyOf(request))) return
    state.memory.refusedKeys++
    const voice = voices[vendorOfPath(request.url)]
    const refusal = { admitted: false, status: 401, reason: "key", message: "" } as const
    const answer = voice.refuse(refusal, { model: "", requestId: request.id, billingCode: undefined })
    await sendReply(reply, answer, voice.requestHeaders(request.id))
  })
}
