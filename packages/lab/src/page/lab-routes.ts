import type { FastifyInstance } from "fastify"
import { LIVE_PAGE } from "./live-page.ts"

/** `GET /lab` the live page, `GET /lab/stats` the truth as JSON, `POST /lab/reset` a fresh start. */
export function registerLab(app: FastifyInstance, stats: () => object, reset: () => void): void {
  app.get("/lab", (_request, reply) => reply.type("text/html; charset=utf-8").send(LIVE_PAGE))
  app.get("/lab/stats", stats)
  app.post("/lab/reset", () => {
    reset()
    return stats()
  })
}
