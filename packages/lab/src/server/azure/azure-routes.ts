import type { FastifyInstance, FastifyRequest } from "fastify"
import { chatCompletions } from "../openai/chat-completions.ts"
import { embeddings } from "../openai/embeddings.ts"
import { responses } from "../openai/responses.ts"
import { serveCall } from "../serve-call.ts"
import type { VendorState } from "../vendor-state.ts"
import type { WireFormat } from "../wire/wire-format.ts"

const deployed = { "chat/completions": chatCompletions, embeddings }

/** Azure OpenAI: `/openai/deployments/{deployment}/…`, where the path names the model, and `/openai/responses`; both also under `/openai/v1`. */
export function registerAzure(app: FastifyInstance, state: VendorState): void {
  for (const [path, format] of Object.entries(deployed)) {
    const inDeployment = azure(format)
    app.post(`/openai/deployments/:deployment/${path}`, (request, reply) =>
      serveCall(inDeployment, request, reply, state, paramsOf(request)),
    )
    app.post(`/openai/v1/${path}`, (request, reply) => serveCall(inDeployment, request, reply, state))
  }
  for (const version of ["", "v1/"])
    app.post(`/openai/${version}responses`, (request, reply) => serveCall(azure(responses), request, reply, state))
}

function azure(format: WireFormat): WireFormat {
  return {
    ...format,
    vendor: "azure",
    readCall: (body, params) => {
      const model = params["deployment"]
      return { ...format.readCall(model === undefined ? body : { ...body, model }, params), vendor: "azure" }
    },
  }
}

const paramsOf = ({ params }: FastifyRequest): Record<string, string> => params as Record<string, string>
