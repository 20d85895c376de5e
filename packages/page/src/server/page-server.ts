import fastify, { type FastifyInstance, type FastifyReply } from "fastify"
import type { ControlAction, ItemDetail, ItemFilter, ItemPage, ItemSort, Timeline } from "../wire.ts"
import type { SharedQuota } from "../shared-quota.ts"
import type { ItemQuestion } from "../items/item-list.ts"
import { type ClientFiles, pageHtml } from "./page-files.ts"
import { guard, pathOf } from "./guard.ts"
import type { LiveStream } from "./live-stream.ts"

/** What the server asks of whoever knows the run. */
export interface PageAnswers {
  readonly token: string
  readonly port: () => number
  readonly title: () => string
  readonly files: ClientFiles
  readonly stream: LiveStream
  /** What is shown at first, as JSON. */
  hello(): string
  items(question: ItemQuestion): ItemPage
  item(row: number): ItemDetail | undefined
  /** One text of an item, whole. */
  text(row: number, which: "asked" | "answered"): string | undefined
  timeline(fromMs: number | undefined, toMs: number | undefined): Timeline
  shared?(): Promise<readonly SharedQuota[]>
  /** Throws what is said to whoever asked. */
  control(body: unknown): ControlAction
  /** The same text without keys. */
  redact(text: string): string
}

const filters: readonly ItemFilter[] = ["all", "failed", "retried", "cut", "in flight", "ok"]
const sorts: readonly ItemSort[] = [
  "index",
  "settled",
  "attempts",
  "wait",
  "latency",
  "input",
  "output",
  "usd",
  "status",
]

/** No route has a schema: what compiles them is not loaded, which a collector would look through for as long as the run lasts. */
const noSchemas = {
  buildValidator: () => () => () => true,
  buildSerializer: () => () => JSON.stringify,
}

/** The page's server, which listens nowhere yet. */
export function pageServer(answers: PageAnswers): FastifyInstance {
  const own = pathOf(answers.token)
  const app = fastify({
    // The same with and without it, for whoever sends the token in a header.
    rewriteUrl: ({ url = "/" }) => (url.startsWith(own) ? url.slice(own.length - 1) : url),
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    bodyLimit: 2 ** 16,
    schemaController: { compilersFactory: noSchemas as never },
  })
  guard(app, answers.token, answers.port)
  const json = (reply: FastifyReply, value: unknown): FastifyReply =>
    reply.type("application/json; charset=utf-8").send(answers.redact(JSON.stringify(value)))
  const nothing = (reply: FastifyReply): FastifyReply =>
    reply.code(404).type("text/plain").send("There is no such thing.")

  app.setErrorHandler((error, _request, reply) => {
    const { statusCode, message } = error as { statusCode?: number; message: string }
    const status = statusCode !== undefined && statusCode >= 400 && statusCode < 600 ? statusCode : 500
    void reply.code(status).type("text/plain; charset=utf-8").send(answers.redact(message))
  })
  app.setNotFoundHandler((_request, reply) => nothing(reply))

  app.get("/", (_request, reply) =>
    reply.type("text/html; charset=utf-8").send(pageHtml(answers.files, answers.title(), answers.hello())),
  )
  app.get<{ Params: { "*": string } }>("/assets/*", (request, reply) => {
    const file = answers.files.read(`assets/${request.params["*"]}`)
    if (!file) return nothing(reply)
    // Its name changes when it does.
    return reply.type(file.type).header("cache-control", "max-age=31536000, immutable").send(file.body)
  })
  app.get("/api/live", (_request, reply) => {
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      "content-type": "text/event-stream; charset=utf-8",
    })
    answers.stream.add(raw)
  })
  app.get<{ Querystring: Record<string, string | undefined> }>("/api/items", (request, reply) =>
    json(reply, answers.items(questionOf(request.query))),
  )
  app.get<{ Params: { row: string } }>("/api/items/:row", (request, reply) => {
    const row = wholeOf(request.params.row)
    const item = row === undefined ? undefined : answers.item(row)
    return item ? json(reply, item) : nothing(reply)
  })
  app.get<{ Params: { row: string; which: string } }>("/api/items/:row/:which", (request, reply) => {
    const { which } = request.params
    const row = wholeOf(request.params.row)
    const isText = which === "asked" || which === "answered"
    const text = isText && row !== undefined ? answers.text(row, which) : undefined
    if (text === undefined) return nothing(reply)
    return reply.type("text/plain; charset=utf-8").send(answers.redact(text))
  })
  app.get<{ Querystring: { from?: string; to?: string } }>("/api/timeline", (request, reply) => {
    const [from, to] = [request.query.from, request.query.to].map((each) =>
      each === undefined ? undefined : Number(each),
    )
    return json(reply, answers.timeline(from, to))
  })
  app.get("/api/shared", async (_request, reply) => {
    return answers.shared ? json(reply, await answers.shared()) : nothing(reply)
  })
  app.post("/api/control", (request, reply) => {
    try {
      return json(reply, { done: answers.control(request.body) })
    } catch (error) {
      return reply
        .code(400)
        .type("text/plain; charset=utf-8")
        .send(answers.redact((error as Error).message))
    }
  })
  return app
}

function questionOf(query: Readonly<Record<string, string | undefined>>): ItemQuestion {
  const { filter, sort, descending, offset, limit, text = "" } = query
  return {
    filter: filters.find((each) => each === filter) ?? "all",
    sort: sorts.find((each) => each === sort) ?? "index",
    descending: descending === "true",
    offset: wholeOf(offset) ?? 0,
    limit: Math.min(500, wholeOf(limit) ?? 100),
    text: text.slice(0, 1_000),
  }
}

function wholeOf(text = ""): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
