import { ApiError, FunctionCallingConfigMode, GoogleGenAI, Type } from "@google/genai"
import { expect, test } from "vitest"
import type { ServerOptions } from "../../src/index.ts"
import { vendorFor } from "./started-vendor.ts"

async function connect(options: ServerOptions = {}): Promise<GoogleGenAI> {
  const { url } = await vendorFor(options)
  return new GoogleGenAI({ apiKey: "lab", httpOptions: { baseUrl: url, retryOptions: { attempts: 1 } } })
}

const asked = { model: "gemini-lab", contents: "Say hello" }

test("generateContent: the text and a usage that is characters / 4", async () => {
  const ai = await connect({ answer: "echo" })
  const response = await ai.models.generateContent({ ...asked, config: { systemInstruction: "Be kind" } })
  expect(response.text).toBe("Say hello")
  expect(response.candidates?.[0]?.finishReason).toBe("STOP")
  expect(response.usageMetadata).toMatchObject({ promptTokenCount: 4, candidatesTokenCount: 3, totalTokenCount: 7 })
})

test("generateContentStream: pieces add up, the last one brings reason and usage", async () => {
  const text = "one two three four five six seven eight nine ten ".repeat(3)
  const ai = await connect({ answer: { text } })
  const pieces: string[] = []
  let last
  for await (const chunk of await ai.models.generateContentStream(asked)) {
    pieces.push(chunk.text ?? "")
    last = chunk
  }
  expect(pieces.length).toBeGreaterThan(3)
  expect(pieces.join("")).toBe(text)
  expect(last?.candidates?.[0]?.finishReason).toBe("STOP")
  expect(last?.usageMetadata?.candidatesTokenCount).toBe(Math.ceil(text.length / 4))
})

test("maxOutputTokens cuts the answer and says so", async () => {
  const ai = await connect({ answer: { tokens: 100 } })
  const response = await ai.models.generateContent({ ...asked, config: { maxOutputTokens: 10 } })
  expect(response.candidates?.[0]?.finishReason).toBe("MAX_TOKENS")
  expect(response.usageMetadata?.candidatesTokenCount).toBe(10)
})

test("a forced function is called with arguments that fit, plain and streamed", async () => {
  const ai = await connect({ answer: { text: "Berlin" } })
  const parameters = { type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ["city"] }
  const config = {
    tools: [{ functionDeclarations: [{ name: "weather", parameters }] }],
    toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } },
  }
  const expected = [{ name: "weather", args: { city: "Berlin" } }]
  expect((await ai.models.generateContent({ ...asked, config })).functionCalls).toMatchObject(expected)
  const calls = []
  for await (const chunk of await ai.models.generateContentStream({ ...asked, config }))
    calls.push(...(chunk.functionCalls ?? []))
  expect(calls).toMatchObject(expected)
})

test("responseSchema in Gemini's own dialect gets conforming JSON", async () => {
  const ai = await connect({ answer: { text: "Short." } })
  const responseSchema = {
    type: Type.OBJECT,
    properties: { summary: { type: Type.STRING }, score: { type: Type.INTEGER, minimum: 3, nullable: true } },
  }
  const response = await ai.models.generateContent({
    ...asked,
    config: { responseMimeType: "application/json", responseSchema },
  })
  expect(JSON.parse(response.text ?? "")).toEqual({ summary: "Short.", score: 3 })
})

test("embedContent and countTokens", async () => {
  const ai = await connect()
  const { embeddings, usageMetadata } = await ai.models.embedContent({
    model: "embed-lab",
    contents: ["a cat", "a dog"],
    config: { outputDimensionality: 64 },
  })
  expect(embeddings?.map(({ values }) => values?.length)).toEqual([64, 64])
  expect(usageMetadata?.promptTokenCount).toBe(3)
  expect((await ai.models.countTokens(asked)).totalTokens).toBe(3)
})

test("over the limit the SDK throws its ApiError with status and violations", async () => {
  const ai = await connect({ limits: { requests: { limit: 60, burst: 1 } } })
  await ai.models.generateContent(asked)
  const error: unknown = await ai.models.generateContent(asked).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ApiError)
  expect(error).toMatchObject({ status: 429 })
  expect((error as ApiError).message).toContain("GenerateRequestsPerMinutePerProjectPerModel")
})
