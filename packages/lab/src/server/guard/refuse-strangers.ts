import { isLoopback, isSameOrigin } from "@sluice/core/internal"
import type { FastifyInstance } from "fastify"
import { BadRequest } from "../wire/model-call.ts"

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
