import { measurePrompt } from "../accounts/measure-prompt.ts"
import { openAIShaped } from "./openai-shape.ts"
import { at, countAt, textAt } from "./reading/json-path.ts"
import type { ModelCall, RequestFacts, StreamFact, Usage, Vendor } from "./vendor.ts"

const shape = openAIShaped({
  name: "cohere",
  hosts: (host) => host === "api.cohere.com" || host === "api.cohere.ai",
  tokenCharge: "produced",
})

/**
 * Cohere's own API: chat, embed, rerank. It counts calls a minute, and a trial key's calls a month, without headers.
 *
 * Source: docs.cohere.com, API reference v2 and rate limits, read 2026-11.
 */
export const cohere: Vendor = { ...shape, recognise, read, usage: usageOf, streamEvent }

const operation = /\/v[12]\/(chat|embed|rerank)$/

function recognise(url: URL, method: string): ModelCall | undefined {
  const found = method === "POST" ? operation.exec(url.pathname) : null
  return found ? { endpoint: found[1]! } : undefined
}

function read(body: unknown, { endpoint }: ModelCall): RequestFacts {
  const cap = countAt(body, "max_tokens")
  const isChat = endpoint === "chat"
  return {
    model: textAt(body, "model") ?? "unknown",
    prompt: measurePrompt(
      at(body, "messages"),
      at(body, "message"),
      at(body, "chat_history"),
      at(body, "preamble"),
      at(body, "tools"),
      at(body, "documents"),
      at(body, "texts"),
      at(body, "inputs"),
      at(body, "query"),
    ),
    ...(cap !== undefined && isChat ? { maxOutputTokens: cap } : {}),
    stream: at(body, "stream") === true,
    answers: isChat ? 1 : 0,
  }
}

function usageOf(body: unknown): Usage | undefined {
  const usage = at(body, "usage") ?? at(body, "meta")
  const input = countAt(usage, "tokens", "input_tokens") ?? countAt(usage, "billed_units", "input_tokens")
  if (input === undefined) return undefined
  return {
    inputTokens: input,
    outputTokens: countAt(usage, "tokens", "output_tokens") ?? countAt(usage, "billed_units", "output_tokens") ?? 0,
    cachedInputTokens: countAt(usage, "cached_tokens") ?? 0,
    cacheWriteTokens: 0,
  }
}

function streamEvent({ event, data }: { event: string; data: string }): StreamFact | undefined {
  if (event.endsWith("-delta") || event === "text-generation") return { output: true }
  if (event !== "message-end" && event !== "stream-end") return shape.streamEvent({ event, data })
  try {
    const body: unknown = JSON.parse(data)
    const usage = usageOf(at(body, "delta") ?? at(body, "response"))
    return usage && { usage }
  } catch {
    return undefined
  }
}
