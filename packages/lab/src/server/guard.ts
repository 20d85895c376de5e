import { isLoopback, isSameOrigin } from "@sluice/core/internal"
import type { FastifyInstance } from "fastify"
import { BadRequest } from "./wire/model-call.ts"
import { vendorOfPath, voices } from "./http-app.ts"
import { sendReply } from "./send/delivery.ts"
import { keyOf } from "./serve-call.ts"
import type { VendorState } from "./vendor-state.ts"

/**
 * Web pages that a developer has open are not let in. A page that had its own name resolve to this machine gives itself away by
 * `Host`, one that sends forms or requests across by `Origin`. A server that was put on the network on purpose goes by any name.
 */
export function refuseStrangers(app: FastifyInstance, isExposed: boolean): void {
  app.addHook("onRequest", async ({ headers: { host = "", origin } }) => {
    if (!isExposed && !isLoopback(host)) {
      throw new BadRequest(
        `This server answers to 127.0.0.1 and localhost, not to ${JSON.stringify(host.slice(0, 100))}.`,
        null,
        403,
      )
    }
    if (origin !== undefined && !isSameOrigin(origin, host)) {
      throw new BadRequest("This server answers no other web page.", null, 403)
    }
  })
}

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
