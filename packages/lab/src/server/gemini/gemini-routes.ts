import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import { BadRequest, countInput } from "../wire/model-call.ts"
import { parseJson } from "../wire/parse-body.ts"
import { serveCall } from "../serve-call.ts"
import type { VendorState } from "../vendor-state.ts"
import { textOf } from "../wire/text-of.ts"
import type { WireFormat } from "../wire/wire-format.ts"
import { embedContents } from "./embed-contents.ts"
import { createGeminiBatch, registerGeminiBatches } from "./gemini-batches.ts"
import { generateContent } from "./generate-content.ts"

const formats: Readonly<Record<string, WireFormat>> = {
  generateContent,
  streamGenerateContent: generateContent,
  embedContent: embedContents,
  batchEmbedContents: embedContents,
}

/** Gemini's `/v1beta/models/{model}:{method}`, also as `/v1` and `/v1alpha`. Streams come as server-sent events only (`?alt=sse`, as its SDK asks). */
export function registerGemini(app: FastifyInstance, state: VendorState): void {
  for (const version of ["v1", "v1alpha", "v1beta"]) app.post(`/${version}/models/:target`, serve)
  registerGeminiBatches(app, state)

  function serve(request: FastifyRequest, reply: FastifyReply): Promise<void> | object {
    const { model, method } = targetOf(request)
    if (method === "countTokens")
      return {
        totalTokens: countInput([{ role: "user", text: textOf(parseJson(request.body)["contents"]) }], undefined),
      }
    if (method === "batchGenerateContent") return createGeminiBatch(model, request.body, reply, state)
    const format = Object.hasOwn(formats, method) ? formats[method] : undefined
    if (format === undefined)
      throw new BadRequest(`models/${model} is not found, or ${method} is not supported.`, null, 404)
    if (method === "streamGenerateContent" && (request.query as { alt?: string }).alt !== "sse") {
      throw new BadRequest("streamGenerateContent is served with alt=sse only.")
    }
    return serveCall(format, request, reply, state, { model, method })
  }
}

function targetOf({ params }: FastifyRequest): { model: string; method: string } {
  const { target } = params as { target: string }
  const colon = target.lastIndexOf(":")
  return { model: target.slice(0, Math.max(0, colon)), method: target.slice(colon + 1) }
}
