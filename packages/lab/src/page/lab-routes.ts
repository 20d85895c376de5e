import type { FastifyInstance, FastifyReply } from "fastify"
import type { VendorStats } from "../server/vendor-stats.ts"
import { LabStream } from "./lab-stream.ts"
import { pageFiles } from "./page-files.ts"
import type { LabState } from "./wire.ts"

const headers: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
}

/** What the page asks of the vendor. */
export interface LabAnswers {
  readonly stats: () => VendorStats
  /** Beside what the truth is. */
  readonly moment: () => Pick<LabState, "atMs" | "life" | "calls">
  readonly reset: () => void
}

/** `GET /lab` the live page, `GET /lab/stats` the truth as JSON, `POST /lab/reset` a fresh start. */
export function registerLab(app: FastifyInstance, { stats, moment, reset }: LabAnswers): void {
  const stream = new LabStream((told) => {
    const { perSecond, ...truth } = stats()
    const state = { ...truth, ...moment() }
    // The last second that was told was not over then.
    const seconds = told.life === state.life ? perSecond.filter(({ second }) => second >= told.second) : perSecond
    return { state, seconds }
  })
  const file = (reply: FastifyReply, type: string, body: Buffer): FastifyReply =>
    reply.headers(headers).type(type).send(body)

  app.get("/lab", async (_request, reply) => file(reply, "text/html; charset=utf-8", (await pageFiles()).html))
  app.get<{ Params: { name: string } }>("/lab/assets/:name", async ({ params: { name } }, reply) => {
    const found = (await pageFiles()).assets.get(name)
    return found ? file(reply, found.type, found.body) : reply.callNotFound()
  })
  app.get("/lab/live", (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, { ...headers, "content-type": "text/event-stream; charset=utf-8" })
    stream.add(reply.raw)
  })
  app.get("/lab/stats", stats)
  app.post("/lab/reset", () => {
    reset()
    stream.tell()
    return stats()
  })
}
