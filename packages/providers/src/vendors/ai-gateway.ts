import { measurePrompt } from "../accounts/measure-prompt.ts"
import { openAIShaped } from "./openai-shape.ts"
import { at, countAt } from "./reading/json-path.ts"
import type { ModelCall, RequestFacts, StreamFact, Usage, Vendor } from "./vendor.ts"

const shape = openAIShaped({
  name: "ai-gateway",
  hosts: (host) => host === "ai-gateway.vercel.sh",
  tokenCharge: "produced",
})

/**
 * The gateway that the AI SDK calls for models given by name (`"openai/gpt-5-mini"`): the call in the SDK's own form, the
 * model in a header. Its OpenAI and Anthropic endpoints are those vendors' shapes.
 *
 * Source: @ai-sdk/gateway 4.0.146, read 2026-11.
 */
export const aiGateway: Vendor = {
  ...shape,
  recognise,
  read,
  usage: (body) => usageOf(at(body, "usage")),
  streamEvent,
  // The model stands in a header, which is not of the body: there is no other one to ask here.
  withModel: (url, body) => ({ url, body: { ...body } }),
}

const operation = /\/v\d+\/ai\/((?:language|embedding|image|reranking|speech|transcription|video)-model)$/

function recognise(url: URL, method: string, header?: (name: string) => string | null): ModelCall | undefined {
  const found = method === "POST" ? operation.exec(url.pathname) : null
  if (!found) return undefined
  const model = header?.("ai-language-model-id") ?? header?.("ai-model-id")
  return {
    endpoint: found[1]!,
    stream: header?.("ai-language-model-streaming") === "true",
    ...(model ? { model } : {}),
  }
}

function read(body: unknown, { endpoint, model = "unknown", stream = false }: ModelCall): RequestFacts {
  const cap = countAt(body, "maxOutputTokens")
  const speaks = endpoint === "language-model"
  return {
    model,
    prompt: measurePrompt(at(body, "prompt"), at(body, "tools"), at(body, "responseFormat"), at(body, "values")),
    ...(cap !== undefined && speaks ? { maxOutputTokens: cap } : {}),
    stream,
    answers: speaks ? 1 : 0,
  }
}

function usageOf(usage: unknown): Usage | undefined {
  const count = (name: string): number | undefined => countAt(usage, name, "total") ?? countAt(usage, name)
  const inputTokens = count("inputTokens") ?? countAt(usage, "tokens")
  if (inputTokens === undefined) return undefined
  return {
    inputTokens,
    outputTokens: count("outputTokens") ?? 0,
    cachedInputTokens: countAt(usage, "inputTokens", "cacheRead") ?? countAt(usage, "cachedInputTokens") ?? 0,
    cacheWriteTokens: countAt(usage, "inputTokens", "cacheWrite") ?? 0,
  }
}

function streamEvent({ event, data }: { event: string; data: string }): StreamFact | undefined {
  if (data.includes('"type":"finish"')) {
    try {
      const usage = usageOf(at(JSON.parse(data) as unknown, "usage"))
      return usage && { usage }
    } catch {
      return undefined
    }
  }
  if (/"type":"(?:text|reasoning|tool-input)-delta"/.test(data.slice(0, 200))) return { output: true }
  return data.includes('"error"') ? shape.streamEvent({ event, data }) : undefined
}
