import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { linesOf, sluice, temporaryFolder } from "../command/sluice.ts"
import { jsonServer } from "../command/speaking-vendor.ts"

interface Vendor {
  readonly model: string
  readonly env?: Record<string, string>
  /** What the SDK asks for. */
  readonly path: RegExp
  /** An answer of this vendor's form that ended so. */
  readonly answer: (text: string, end: string) => unknown
  readonly goodEnd: string
}

const key = "key-of-a-test-0123456789"

const anthropic: Vendor = {
  model: "anthropic:claude-x",
  env: { ANTHROPIC_API_KEY: key },
  path: /^\/v1\/messages$/,
  goodEnd: "end_turn",
  answer: (text, end) => ({
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-x",
    content: text === "" ? [] : [{ type: "text", text }],
    stop_reason: end,
    stop_sequence: null,
    usage: { input_tokens: 5, output_tokens: 7 },
  }),
}

const gemini: Vendor = {
  model: "google:gemini-x",
  env: { GOOGLE_GENERATIVE_AI_API_KEY: key },
  path: /^\/v1\/models\/gemini-x:generateContent$/,
  goodEnd: "STOP",
  answer: (text, end) => ({
    ...(end.startsWith("prompt ")
      ? { promptFeedback: { blockReason: end.slice(7) } }
      : {
          candidates: [
            {
              index: 0,
              finishReason: end,
              ...(text !== "" && { content: { role: "model", parts: [{ text }] } }),
            },
          ],
        }),
    usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 7, totalTokenCount: 12 },
    modelVersion: "gemini-x",
  }),
}

const responses: Vendor = {
  model: "openai:gpt-x",
  env: { OPENAI_API_KEY: key },
  path: /^\/v1\/responses$/,
  goodEnd: "completed",
  answer: (text, end) => {
    const part = end === "refusal" ? { type: "refusal", refusal: text } : { type: "output_text", text, annotations: [] }
    const isWhole = end === "completed" || end === "refusal"
    return {
      id: "resp_1",
      object: "response",
      created_at: 1,
      model: "gpt-x",
      status: isWhole ? "completed" : "incomplete",
      incomplete_details: isWhole ? null : { reason: end },
      output:
        text === "" ? [] : [{ type: "message", id: "msg_1", role: "assistant", status: "completed", content: [part] }],
      usage: { input_tokens: 5, output_tokens: 7 },
    }
  },
}

/** Ollama, vLLM, DeepSeek, Mistral and all others that speak OpenAI's format. */
const compatible: Vendor = {
  model: "openai-compatible:x",
  path: /^\/v1\/chat\/completions$/,
  goodEnd: "stop",
  answer: (content, end) => ({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "x",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: end }],
    usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 },
  }),
}

test.each<[string, string, string, string, string, Vendor]>([
  ["Anthropic", "max_tokens", "answer-truncated", "half a", "length", anthropic],
  ["Anthropic", "model_context_window_exceeded", "answer-truncated", "half a", "length", anthropic],
  ["Anthropic", "refusal", "answer-refused", "half a", "refusal", anthropic],
  ["Anthropic", "refusal", "answer-refused", "", "refusal", anthropic],
  ["Anthropic", "end_turn", "answer-empty", "", "stop", anthropic],
  ["Gemini", "MAX_TOKENS", "answer-truncated", "half a", "length", gemini],
  ["Gemini", "SAFETY", "answer-filtered", "half a", "content_filter", gemini],
  ["Gemini", "SAFETY", "answer-filtered", "", "content_filter", gemini],
  ["Gemini", "RECITATION", "answer-filtered", "half a", "content_filter", gemini],
  ["Gemini", "PROHIBITED_CONTENT", "answer-filtered", "", "content_filter", gemini],
  ["Gemini", "LANGUAGE", "answer-filtered", "half a", "content_filter", gemini],
  ["Gemini", "OTHER", "answer-truncated", "half a", "other", gemini],
  ["Gemini", "prompt SAFETY", "answer-filtered", "", "content_filter", gemini],
  ["Gemini", "STOP", "answer-empty", "", "stop", gemini],
  ["OpenAI's responses", "max_output_tokens", "answer-truncated", "half a", "length", responses],
  ["OpenAI's responses", "content_filter", "answer-filtered", "half a", "content_filter", responses],
  ["OpenAI's responses", "refusal", "answer-refused", "I will not.", "refusal", responses],
  ["OpenAI's responses", "completed", "answer-empty", "", "stop", responses],
  ["Ollama", "length", "answer-truncated", "half a", "length", compatible],
  ["Mistral", "model_length", "answer-truncated", "half a", "length", compatible],
  ["DeepSeek", "insufficient_system_resource", "answer-truncated", "half a", "other", compatible],
  ["vLLM", "abort", "answer-truncated", "half a", "other", compatible],
  ["OpenRouter", "error", "answer-truncated", "half a", "other", compatible],
  ["GLM", "sensitive", "answer-filtered", "half a", "content_filter", compatible],
])("%s: an answer that ends with %s is %s (%j), and --retry-failed asks it again", async (...row) => {
  const [, end, code, text, reason, vendor] = row
  const now = { isGood: false }
  const { url, heard, paths } = await jsonServer((body) => {
    const isOdd = JSON.stringify(body).includes("odd") && !now.isGood
    return { body: isOdd ? vendor.answer(text, end) : vendor.answer("fine", vendor.goodEnd) }
  })
  const folder = temporaryFolder()
  const out = join(folder, "out.jsonl")
  writeFileSync(join(folder, "in.txt"), "one\nodd\ntwo\n")
  const args = ["run", join(folder, "in.txt"), "-p", "{{text}}", "-m", vendor.model, "--base-url", `${url}/v1`]
  const run = (...more: string[]) => sluice([...args, "-o", out, "-q", ...more], { env: vendor.env ?? {} })
  expect(await run()).toMatchObject({ code: 1, stderr: "" })
  expect(paths).toEqual([1, 2, 3].map(() => expect.stringMatching(vendor.path) as string))
  expect(linesOf(out)).toEqual(
    ["one", "two"].map((input) => expect.objectContaining({ input: { text: input }, output: "fine" }) as object),
  )
  expect(linesOf(`${out}.failed.jsonl`)).toMatchObject([
    { index: 1, attempts: 1, input: { text: "odd" }, output: text, error: { code } },
  ])
  expect((await run("--retry-failed", "--accept-truncated")).code).toBe(0)
  expect(linesOf(out)[1]).toEqual({ index: 1, input: { text: "odd" }, output: text, finishReason: reason })
  const again = `${out}.again`
  expect((await run("-o", again)).code).toBe(1)
  now.isGood = true
  expect((await run("-o", again, "--retry-failed")).code).toBe(0)
  expect(linesOf(again)[1]).toMatchObject({ index: 1, output: "fine" })
  expect(heard).toHaveLength(3 + 1 + 3 + 1)
})

test("an end that a server does not tell, or calls otherwise, is no failure", async () => {
  const ends = ["stop", "eos", "eos_token", "stop_sequence", "end_turn", "COMPLETE", null, "tool_calls"]
  const { url } = await jsonServer((_body, call) => ({ body: compatible.answer("whole", ends[call - 1] as string) }))
  const folder = temporaryFolder()
  const out = join(folder, "out.jsonl")
  writeFileSync(join(folder, "in.txt"), ends.map((end) => `${end}\n`).join(""))
  const args = ["run", join(folder, "in.txt"), "-p", "{{text}}", "-m", compatible.model, "--base-url", `${url}/v1`]
  expect((await sluice([...args, "-o", out, "-q"])).code).toBe(0)
  expect(linesOf(out)).toHaveLength(ends.length)
})
