import { describe, expect, it } from "vitest"
import { messagesOf } from "../src/messages.ts"

const text = (content: string): object => ({ type: "text", content })
const parsed = (value: unknown): unknown => (typeof value === "string" ? JSON.parse(value) : value)

describe("a prompt", () => {
  it.each<[string, object, { system?: object[]; input: object[] }]>([
    [
      "OpenAI's chat, with a tool",
      {
        messages: [
          { role: "system", content: "Be brief." },
          {
            role: "user",
            content: [
              { type: "text", text: "What is it?" },
              { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
            ],
          },
          {
            role: "assistant",
            content: null,
            tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: "{}" } }],
          },
          { role: "tool", tool_call_id: "c1", content: "a cat" },
        ],
      },
      {
        input: [
          { role: "system", parts: [text("Be brief.")] },
          { role: "user", parts: [text("What is it?"), { type: "image_url" }] },
          { role: "assistant", parts: [{ type: "tool_call", id: "c1", name: "look", arguments: "{}" }] },
          { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: "a cat" }] },
        ],
      },
    ],
    [
      "OpenAI's responses",
      { instructions: "Be brief.", input: "Hello" },
      { system: [text("Be brief.")], input: [{ role: "user", parts: [text("Hello")] }] },
    ],
    [
      "Anthropic's messages",
      {
        system: [{ type: "text", text: "Be brief." }],
        messages: [
          {
            role: "assistant",
            content: [
              { type: "thinking", thinking: "Hm." },
              { type: "tool_use", id: "t1", name: "look", input: { at: 1 } },
            ],
          },
          { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: "a cat" }] },
        ],
      },
      {
        system: [text("Be brief.")],
        input: [
          {
            role: "assistant",
            parts: [
              { type: "reasoning", content: "Hm." },
              { type: "tool_call", id: "t1", name: "look", arguments: { at: 1 } },
            ],
          },
          { role: "user", parts: [{ type: "tool_call_response", id: "t1", response: "a cat" }] },
        ],
      },
    ],
    [
      "Gemini's contents",
      {
        systemInstruction: { parts: [{ text: "Be brief." }] },
        contents: [
          { role: "model", parts: [{ text: "Hello" }, { functionCall: { name: "look", args: { at: 1 } } }] },
          { role: "user", parts: [{ functionResponse: { name: "look", response: { seen: "a cat" } } }] },
        ],
      },
      {
        system: [text("Be brief.")],
        input: [
          { role: "assistant", parts: [text("Hello"), { type: "tool_call", name: "look", arguments: { at: 1 } }] },
          { role: "user", parts: [{ type: "tool_call_response", name: "look", response: { seen: "a cat" } }] },
        ],
      },
    ],
    ["a completion", { prompt: "Once" }, { input: [{ role: "user", parts: [text("Once")] }] }],
    [
      "embeddings",
      { input: ["one", "two"] },
      {
        input: [
          { role: "user", parts: [text("one")] },
          { role: "user", parts: [text("two")] },
        ],
      },
    ],
  ])("of %s", (_what, request, { system, input }) => {
    const attributes = messagesOf({ request: JSON.stringify(request) })
    expect(parsed(attributes["gen_ai.system_instructions"])).toEqual(system)
    expect(parsed(attributes["gen_ai.input.messages"])).toEqual(input)
  })
})

describe("an answer", () => {
  it.each<[string, object]>([
    ["OpenAI's chat", { choices: [{ message: { role: "assistant", content: "A cat." } }] }],
    [
      "OpenAI's responses",
      { output: [{ type: "message", role: "assistant", content: [{ type: "output_text", text: "A cat." }] }] },
    ],
    ["Anthropic's messages", { role: "assistant", content: [{ type: "text", text: "A cat." }] }],
    ["Gemini", { candidates: [{ content: { role: "model", parts: [{ text: "A cat." }] } }] }],
    ["Ollama", { message: { role: "assistant", content: "A cat." } }],
    ["a completion", { choices: [{ text: "A cat." }] }],
  ])("of %s", (_what, answer) => {
    expect(parsed(messagesOf({ answer })["gen_ai.output.messages"])).toEqual([
      { role: "assistant", parts: [text("A cat.")] },
    ])
  })

  it.each<[string, object[]]>([
    [
      "OpenAI's chat",
      [{ choices: [{ index: 0, delta: { content: "A " } }] }, { choices: [{ index: 0, delta: { content: "cat." } }] }],
    ],
    ["OpenAI's responses", ["A ", "cat."].map((delta) => ({ type: "response.output_text.delta", delta }))],
    [
      "Anthropic's messages",
      ["A ", "cat."].map((piece) => ({ type: "content_block_delta", delta: { type: "text_delta", text: piece } })),
    ],
    ["Gemini", ["A ", "cat."].map((piece) => ({ candidates: [{ content: { parts: [{ text: piece }] } }] }))],
  ])("in a stream of %s", (_what, events) => {
    const pieces = [...events.map((event) => JSON.stringify(event)), "[DONE]"]
    expect(parsed(messagesOf({ pieces })["gen_ai.output.messages"])).toEqual([
      { role: "assistant", parts: [text("A cat.")] },
    ])
  })

  it("says of each choice how it ended, where that is known", () => {
    const choices = ["A cat.", "A dog.", "A"].map((content) => ({ message: { role: "assistant", content } }))
    const attributes = messagesOf({ answer: { choices } }, ["stop", "length"])
    expect(parsed(attributes["gen_ai.output.messages"])).toEqual([
      { role: "assistant", parts: [text("A cat.")], finish_reason: "stop" },
      { role: "assistant", parts: [text("A dog.")], finish_reason: "length" },
      { role: "assistant", parts: [text("A")] },
    ])
  })

  it("of any shape at all is read without an error", () => {
    for (const odd of [undefined, null, 7, "text", [], [null], { choices: [null] }, { content: 7 }, { output: "x" }]) {
      expect(() => messagesOf({ request: JSON.stringify(odd) ?? "{", answer: odd })).not.toThrow()
      expect(() => messagesOf({ request: "{", pieces: [JSON.stringify(odd) ?? "{"] })).not.toThrow()
    }
  })
})
