import type { FastifyInstance } from "fastify"
import { BadRequest } from "../wire/model-call.ts"
import { serveCall } from "../serve-call.ts"
import type { VendorState } from "../vendor-state.ts"
import { chatCompletions } from "./chat-completions.ts"
import { embeddings } from "./embeddings.ts"
import { registerBatches } from "./openai-batches.ts"
import { registerFiles } from "./openai-files.ts"
import { responses } from "./responses.ts"

/** Everything under OpenAI's `/v1`. Any model name is served; `GET /v1/models` lists the configured ones. */
export function registerOpenai(app: FastifyInstance, state: VendorState): void {
  app.post("/v1/chat/completions", (request, reply) => serveCall(chatCompletions, request, reply, state))
  app.post("/v1/responses", (request, reply) => serveCall(responses, request, reply, state))
  app.post("/v1/embeddings", (request, reply) => serveCall(embeddings, request, reply, state))
  registerFiles(app, state)
  registerBatches(app, state)

  const model = (id: string): object => ({ id, object: "model", created: 1_767_225_600, owned_by: "lab" })
  app.get("/v1/models", () => ({ object: "list", data: state.models.map(model) }))
  app.get("/v1/models/:id", ({ params }) => {
    const { id } = params as { id: string }
    if (!state.models.includes(id)) throw new BadRequest(`The model '${id}' does not exist`, "model", 404)
    return model(id)
  })
}
