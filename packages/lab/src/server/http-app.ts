import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify"
import { anthropicVoice } from "./anthropic/anthropic-voice.ts"
import { azureVoice } from "./azure/azure-voice.ts"
import { geminiVoice } from "./gemini/gemini-voice.ts"
import { BadRequest, type VendorName } from "./wire/model-call.ts"
import { openaiVoice } from "./openai/openai-voice.ts"
import type { VendorVoice } from "./wire/vendor-voice.ts"

/** Whose voice answers on a path. */
export const voices: Readonly<Record<VendorName, VendorVoice>> = {
  openai: openaiVoice,
  azure: azureVoice,
  anthropic: anthropicVoice,
  gemini: geminiVoice,
}

// Its SDK uses /v1, /v1beta and /v1alpha; the colon tells it from OpenAI's GET /v1/models/{id}.
const GEMINI_PATH = /^\/v1(?:alpha|beta)|^\/v1\/models\/[^/?]*:/

// OpenAI and Gemini both have /v1/batches: their clients' headers tell them apart.
const GEMINI_BATCHES = /^\/v1\/batches\b/

function isGemini(headers: Readonly<Record<string, unknown>>): boolean {
  return "x-goog-api-key" in headers || "x-goog-api-client" in headers
}

export function vendorOfPath(url: string): VendorName {
  if (url.startsWith("/v1/messages")) return "anthropic"
  if (url.startsWith("/openai/")) return "azure"
  return GEMINI_PATH.test(url) ? "gemini" : "openai"
}

export interface HttpAppOptions {
  readonly maxBodyBytes: number
  readonly nextRequestId: () => string
  readonly onBadRequest: () => void
  /** Whoever takes longer to send a request is cut off: half-sent ones would be kept for ever. Default 60,000. */
  readonly sendWithinMs?: number
}

/** An empty fastify app: bodies come as buffers, every error is answered in the voice of the path's vendor, closing cuts every socket. */
export function createHttpApp(options: HttpAppOptions): FastifyInstance {
  const { maxBodyBytes, nextRequestId, onBadRequest, sendWithinMs = 60_000 } = options
  const app = fastify({
    requestTimeout: sendWithinMs,
    http: { headersTimeout: sendWithinMs, connectionsCheckingInterval: Math.min(30_000, sendWithinMs) },
    bodyLimit: maxBodyBytes,
    forceCloseConnections: true,
    genReqId: nextRequestId,
    exposeHeadRoutes: false,
    rewriteUrl: ({ url = "", headers }) =>
      GEMINI_BATCHES.test(url) && isGemini(headers) ? `/v1beta${url.slice(3)}` : url,
    routerOptions: { maxParamLength: 500, onBadUrl: (_path, _request, response) => void response.writeHead(400).end() },
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body))
  app.setErrorHandler((error, request, reply) => {
    if (statusOf(error) < 500) onBadRequest()
    refuseBadRequest(request, reply, error)
  })
  app.setNotFoundHandler((request, reply) => {
    onBadRequest()
    const known = `Invalid URL (${request.method} ${request.url.slice(0, 200)})`
    refuseBadRequest(request, reply, new BadRequest(known, null, 404))
  })
  return app
}

function refuseBadRequest(request: FastifyRequest, reply: FastifyReply, error: unknown): void {
  const voice = voices[vendorOfPath(request.url)]
  const status = statusOf(error)
  const message = error instanceof Error ? error.message : String(error)
  const param = error instanceof BadRequest ? error.param : null
  const answer = voice.error(status, message, param, { model: "", requestId: request.id, billingCode: undefined })
  void reply
    .code(answer.status)
    .headers({ ...voice.requestHeaders(request.id), ...answer.headers })
    .send(answer.body)
}

function statusOf(error: unknown): number {
  if (error instanceof BadRequest) return error.status
  const status = (error as { statusCode?: unknown }).statusCode
  return typeof status === "number" && status >= 400 && status < 600 ? status : 500
}
