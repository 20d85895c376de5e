import { measurePrompt } from "../accounts/measure-prompt.ts"
import { openAIShaped } from "./openai-shape.ts"
import { at, countAt, textAt } from "./reading/json-path.ts"
import type { ModelCall, RequestFacts, StreamFact, Usage, Vendor } from "./vendor.ts"

const shape = openAIShaped({ name: "ollama", hosts: () => false, tokenCharge: "produced" })

/**
 * Ollama's own API, which streams unless told not to, one JSON object a line. It queues what it cannot run.
 *
 * Source: github.com/ollama/ollama, docs/api.md, read 2026-11.
 */
export const ollama: Vendor = {
  ...shape,
  recognise,
  read,
  usage: usageOf,
  streamEvent,
  withModel: (url, body, model) => ({ url, body: { ...body, model } }),
}

const operation = /\/api\/(chat|generate|embed|embeddings)$/

function recognise(url: URL, method: string): ModelCall | undefined {
  const found = method === "POST" ? operation.exec(url.pathname) : null
  return found ? { endpoint: found[1]! } : undefined
}

function read(body: unknown, { endpoint }: ModelCall): RequestFacts {
  // -1 and -2 stand for "without end" and "until the context is full".
  const cap = countAt(body, "options", "num_predict")
  const isChat = !endpoint.startsWith("embed")
  return {
    model: textAt(body, "model") ?? "unknown",
    prompt: measurePrompt(
      at(body, "messages"),
      at(body, "prompt"),
      at(body, "system"),
      at(body, "tools"),
      at(body, "input"),
      at(body, "format"),
    ),
    ...(cap !== undefined && isChat ? { maxOutputTokens: cap } : {}),
    stream: isChat && at(body, "stream") !== false,
    answers: isChat ? 1 : 0,
  }
}

function usageOf(body: unknown): Usage | undefined {
  const outputTokens = countAt(body, "eval_count")
  const inputTokens = countAt(body, "prompt_eval_count")
  if (inputTokens === undefined && outputTokens === undefined) return undefined
  // What was kept of the prompt from the call before is not counted again.
  return { inputTokens: inputTokens ?? 0, outputTokens: outputTokens ?? 0, cachedInputTokens: 0, cacheWriteTokens: 0 }
}

/** One line of a stream. Every other one carries a piece; the last one counts. */
function streamEvent({ event, data }: { event: string; data: string }): StreamFact | undefined {
  let body: unknown
  try {
    body = JSON.parse(data)
  } catch {
    return undefined
  }
  if (at(body, "error") !== undefined) return shape.streamEvent({ event, data })
  const usage = at(body, "done") === true ? usageOf(body) : undefined
  if (usage) return { usage }
  const output = [
    at(body, "response"),
    ...["content", "thinking", "tool_calls"].map((name) => at(body, "message", name)),
  ]
  const hasOutput = output.some((each) => each !== undefined && each !== null && each !== "")
  return { output: hasOutput, prelude: !hasOutput && at(body, "done") !== true }
}
