import { measurePrompt } from "../accounts/measure-prompt.ts"
import { openAIShaped } from "./openai-shape.ts"
import { decodedSegment } from "./reading/decoded-segment.ts"
import { at, countAt, textAt } from "./reading/json-path.ts"
import { vendorMessage } from "./reading/vendor-message.ts"
import type { VendorAnswer, ModelCall, RequestFacts, Usage, Vendor, Verdict } from "./vendor.ts"
import { verdictOn } from "../call/failure/verdict.ts"

const shape = openAIShaped({
  name: "bedrock",
  hosts: (host) => /^bedrock-runtime[.-].*\.amazonaws\.com$/.test(host),
  // Reserved with `max_tokens` when a call arrives, and put right when it ends.
  tokenCharge: "produced",
})

/**
 * Amazon Bedrock: Converse, and InvokeModel in each model's own form. It sends no limits in headers. A stream's frames are
 * Amazon's own and not read: its usage is estimated. A signature is good for five minutes, so a call that waits longer for
 * admission is refused: sign with a `fetch` under this one, or use an API key.
 *
 * Source: Amazon Bedrock, API reference and quotas, read 2026-11.
 */
export const bedrock: Vendor = {
  ...shape,
  recognise,
  read,
  classify,
  usage: usageOf,
  withModel: (url, body, model) => {
    const next = new URL(url)
    next.pathname = next.pathname.replace(operation, `/model/${encodeURIComponent(model)}/$2`)
    return { url: next, body: { ...body } }
  },
}

const operation = /\/model\/([^/]+)\/(converse|converse-stream|invoke|invoke-with-response-stream)$/

function recognise(url: URL, method: string): ModelCall | undefined {
  const found = method === "POST" ? operation.exec(url.pathname) : null
  if (!found) return undefined
  return { endpoint: found[2]!, model: decodedSegment(found[1]!), stream: found[2]!.endsWith("-stream") }
}

function read(body: unknown, { model = "unknown", stream = false }: ModelCall): RequestFacts {
  const cap =
    countAt(body, "inferenceConfig", "maxTokens") ??
    countAt(body, "inferenceConfig", "max_new_tokens") ??
    countAt(body, "max_tokens") ??
    countAt(body, "max_gen_len") ??
    countAt(body, "textGenerationConfig", "maxTokenCount")
  const wordless = /\bembed/.test(model)
  return {
    model,
    prompt: measurePrompt(
      at(body, "messages"),
      at(body, "system"),
      at(body, "toolConfig"),
      at(body, "tools"),
      at(body, "prompt"),
      at(body, "inputText"),
      at(body, "texts"),
    ),
    ...(cap !== undefined && !wordless ? { maxOutputTokens: cap } : {}),
    stream,
    answers: wordless ? 0 : 1,
  }
}

const accountTypes = new Set(["UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"])

function classify(answer: VendorAnswer): Verdict {
  const { status, headers, body } = answer
  const type = headers.get("x-amzn-errortype")?.split(":", 1)[0] ?? textAt(body, "__type")?.split("#").at(-1)
  const verdict = verdictOn(type ?? `http-${status}`, vendorMessage(textAt(body, "message") ?? textAt(body, "Message")))
  if (status < 300 || type === undefined) return shape.classify(answer)
  if (type === "ModelNotReadyException" || type === "ModelErrorException") return verdict("retry")
  if (type === "ValidationException" && /too (?:many tokens|long)/i.test(textAt(body, "message") ?? ""))
    return verdict("split", "request")
  if (accountTypes.has(type)) return verdict("fatal", "request")
  const { kind, scope } = shape.classify(answer)
  return verdict(kind, scope)
}

function usageOf(body: unknown): Usage | undefined {
  const usage = at(body, "usage")
  const first = (...names: readonly string[]): number | undefined =>
    names.map((name) => countAt(usage, name) ?? countAt(body, name)).find((count) => count !== undefined)
  const fresh = first("inputTokens", "input_tokens", "prompt_token_count", "inputTextTokenCount")
  if (fresh === undefined) return undefined
  const cachedInputTokens = first("cacheReadInputTokens", "cache_read_input_tokens") ?? 0
  const cacheWriteTokens = first("cacheWriteInputTokens", "cache_creation_input_tokens") ?? 0
  return {
    // Cached parts are counted beside the input; here input means all of it.
    inputTokens: fresh + cachedInputTokens + cacheWriteTokens,
    outputTokens: first("outputTokens", "output_tokens", "generation_token_count") ?? 0,
    cachedInputTokens,
    cacheWriteTokens,
  }
}
