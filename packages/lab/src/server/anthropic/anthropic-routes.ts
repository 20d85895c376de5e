import type { FastifyInstance } from "fastify"
import { parseJson } from "../wire/parse-body.ts"
import { serveCall } from "../serve-call.ts"
import type { VendorState } from "../vendor-state.ts"
import { registerAnthropicBatches } from "./anthropic-batches.ts"
import { countPromptTokens, messages } from "./messages.ts"

/** Everything of Anthropic's under `/v1/messages`. Counting tokens is free, as it has limits of its own there. */
export function registerAnthropic(app: FastifyInstance, state: VendorState): void {
  app.post("/v1/messages", (request, reply) => serveCall(messages, request, reply, state))
  app.post("/v1/messages/count_tokens", ({ body }) => ({ input_tokens: countPromptTokens(parseJson(body)) }))
  registerAnthropicBatches(app, state)
}
