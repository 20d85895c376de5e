import { connect } from "node:net"
import { request as httpRequest } from "node:http"
import { expect, test } from "vitest"
import { mostTimesAsLong, timesAsLong } from "../../../../scripts/testing/linear.ts"
import { conformToSchema, type JsonSchema, randomTraffic, simulate, startVendor } from "../../src/index.ts"
import { plainText } from "../../src/answers/plain-text.ts"
import { createHttpApp } from "../../src/server/http-app.ts"
import { post, vendorFor } from "./started-vendor.ts"

// What must neither kill the lab nor let strangers in.

const chat = (more: object): object => ({ model: "m", messages: [{ role: "user", content: "hello" }], ...more })
const withSchema = (schema: unknown): object =>
  chat({ response_format: { type: "json_schema", json_schema: { name: "n", schema } } })

const twoOfItself = {
  type: "object",
  properties: { left: { $ref: "#" }, right: { $ref: "#" } },
  required: ["left", "right"],
}
const impossible: Readonly<Record<string, unknown>> = {
  "contains itself twice": twoOfItself,
  "contains itself in allOf": { allOf: [{ $ref: "#" }] },
  "refers to itself": { $ref: "#" },
  "a circle of references": { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } },
  "a thousand million items": { type: "array", items: { type: "string" }, minItems: 1e9 },
  "a thousand million characters": { type: "object", properties: { a: { type: "string", minLength: 1e9 } } },
  "arrays of arrays": {
    type: "array",
    minItems: 5_000,
    items: { type: "array", minItems: 5_000, items: { const: "x" } },
  },
  "a constant many times": { type: "array", minItems: 5_000, items: { const: "x".repeat(10_000) } },
  "a reference that is no path": { $ref: "#/%E0%A4" },
  "a number of what is required": { type: "object", properties: { a: 1 }, required: 7 },
  "a text for a list of what is required": { type: "object", required: "x".repeat(20_000) },
  "a text for properties": { type: "object", properties: "x".repeat(20_000) },
  "a text for the first items": { type: "array", prefixItems: "x".repeat(20_000) },
}

test.each(Object.entries(impossible))("a schema that nobody can fulfil is a 400: %s", async (_name, schema) => {
  const { url, stats } = await vendorFor()
  const answer = await post(`${url}/v1/chat/completions`, withSchema(schema))
  expect([answer.status, answer.body["error"]]).toEqual([
    400,
    expect.objectContaining({ message: expect.stringMatching(/schema/i), type: "invalid_request_error" }),
  ])
  expect((await post(`${url}/v1/chat/completions`, chat({}))).status).toBe(200)
  expect(stats()).toMatchObject({ answered: 1, inFlight: 0 })
})

test("in a batch it is found when the batch is made", async () => {
  const { url } = await vendorFor({ batch: { validatingMs: 0, processingMs: 0, finalizingMs: 0 } })
  const line = { custom_id: "a", method: "POST", url: "/v1/chat/completions", body: withSchema(twoOfItself) }
  const form = new FormData()
  form.set("purpose", "batch")
  form.set("file", new Blob([JSON.stringify(line)]), "in.jsonl")
  const file = (await (await fetch(`${url}/v1/files`, { method: "POST", body: form })).json()) as { id: string }
  const order = { input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" }
  const openai = await post(`${url}/v1/batches`, order)
  expect(openai.body).toMatchObject({
    status: "failed",
    errors: { data: [{ code: "invalid_request", message: expect.stringContaining("schema") }] },
  })
  const params = {
    model: "m",
    max_tokens: 100,
    messages: [asked],
    output_format: { type: "json_schema", schema: twoOfItself },
  }
  const { body } = await post(`${url}/v1/messages/batches`, { requests: [{ custom_id: "a", params }] })
  const results = await (await fetch(`${url}/v1/messages/batches/${String(body["id"])}/results`)).text()
  expect(JSON.parse(results)).toMatchObject({ custom_id: "a", result: { type: "errored" } })
})

test("schemas that contain themselves where they need not are still answered", () => {
  const tree: JsonSchema = {
    type: "object",
    properties: { name: { type: "string" }, children: { type: "array", items: { $ref: "#" } } },
    required: ["name", "children"],
  }
  expect(conformToSchema(tree, "x")).toEqual({ name: "x", children: [] })
  expect(conformToSchema({ type: "array", items: { type: "integer" }, minItems: 9_000 }, "")).toHaveLength(9_000)
})

test.each(["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1beta/models/m:generateContent"])(
  "a body nested without end is a 400 at %s",
  async (path) => {
    const { url } = await vendorFor()
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`
    const answer = await post(`${url}${path}`, `{"model":"m","messages":${deep},"input":${deep},"contents":${deep}}`)
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([400, expect.stringContaining("256 deep")])
  },
)

const asked = { role: "user", content: "hello" }
const noList: Readonly<Record<string, readonly [path: string, body: (odd: unknown) => object]>> = {
  "a chat's messages": ["/v1/chat/completions", (odd) => ({ model: "m", messages: odd })],
  "a chat's model": ["/v1/chat/completions", (odd) => ({ model: odd, messages: [asked] })],
  "a response's input": ["/v1/responses", (odd) => ({ model: "m", input: odd })],
  "embeddings' input": ["/v1/embeddings", (odd) => ({ model: "m", input: odd })],
  "embeddings' inputs": ["/v1/embeddings", (odd) => ({ model: "m", input: [odd] })],
  "an OpenAI batch": ["/v1/batches", (odd) => ({ input_file_id: odd, endpoint: odd, completion_window: "24h" })],
  "Claude's messages": ["/v1/messages", (odd) => ({ model: "m", max_tokens: 9, messages: odd })],
  "Claude's model": ["/v1/messages", (odd) => ({ model: odd, max_tokens: 9, messages: [asked] })],
  "messages to be counted": ["/v1/messages/count_tokens", (odd) => ({ model: "m", messages: odd })],
  "a batch's requests": ["/v1/messages/batches", (odd) => ({ requests: odd })],
  "a request's custom_id": ["/v1/messages/batches", (odd) => ({ requests: [{ custom_id: odd, params: {} }] })],
  "Gemini's contents": ["/v1beta/models/m:generateContent", (odd) => ({ contents: odd })],
  "Gemini's parts": ["/v1beta/models/m:generateContent", (odd) => ({ contents: [{ role: "user", parts: odd }] })],
  "a content to embed": ["/v1beta/models/m:embedContent", (odd) => ({ content: { parts: odd } })],
  "contents to embed": ["/v1beta/models/m:batchEmbedContents", (odd) => ({ requests: odd })],
  "a Gemini batch": [
    "/v1beta/models/m:batchGenerateContent",
    (odd) => ({ batch: { inputConfig: { requests: { requests: odd } } } }),
  ],
}

test.each(Object.entries(noList))("what has a length that is no number is a 400: %s", async (_name, [path, body]) => {
  const { url } = await vendorFor()
  for (const odd of [{ length: { toString: 1 } }, { length: {} }, { length: "9" }, { length: null }]) {
    expect([odd, (await post(url + path, body(odd))).status]).toEqual([odd, expect.toSatisfy(isRefusal)])
  }
})

function isRefusal(status: number): boolean {
  return status >= 400 && status < 500
}

function ask(url: string, headers: Record<string, string>, method = "GET"): Promise<number> {
  return new Promise((resolve, reject) => {
    httpRequest(url, { method, headers }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
      .on("error", reject)
      .end()
  })
}

test("a name that leads here from elsewhere is refused: DNS rebinding", async () => {
  const { url, port } = await vendorFor()
  for (const host of ["localhost", `localhost:${port}`, "127.0.0.1", `127.0.0.1:${port}`, "[::1]:80", "LOCALHOST"]) {
    expect([host, await ask(`${url}/lab/stats`, { host })]).toEqual([host, 200])
  }
  for (const host of [
    "evil.example",
    `evil.example:${port}`,
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "x",
  ]) {
    expect([host, await ask(`${url}/lab/stats`, { host })]).toEqual([host, 403])
  }
})

test("another web page can neither reset the vendor nor spend its quota; its own page can", async () => {
  const { url, stats } = await vendorFor()
  expect((await post(`${url}/v1/chat/completions`, chat({}))).status).toBe(200)
  for (const origin of ["https://evil.example", "null", "http://127.0.0.1:1", "nonsense"]) {
    expect([origin, await ask(`${url}/lab/reset`, { origin }, "POST")]).toEqual([origin, 403])
  }
  expect(stats().answered).toBe(1)
  expect(await ask(`${url}/lab/reset`, { origin: url }, "POST")).toBe(200)
  expect(stats().answered).toBe(0)
})

test("on the network it goes by any name, and still not for other pages", async () => {
  const { port } = await vendorFor({ host: "0.0.0.0", exposed: "to the network" })
  const url = `http://127.0.0.1:${port}/lab/stats`
  expect(await ask(url, { host: "lab.internal" })).toBe(200)
  expect(await ask(url, { host: "lab.internal", origin: "https://evil.example" })).toBe(403)
})

test("uploads are kept up to a bound, and make room when they are deleted", async () => {
  const { url, reset } = await vendorFor({ maxKeptBytes: 20_000 })
  const upload = async (
    bytes: number,
  ): Promise<{ status: number; body: { id: string; error?: { message: string } } }> => {
    const form = new FormData()
    form.set("purpose", "batch")
    form.set("file", new Blob([new Uint8Array(bytes)]), "big")
    const response = await fetch(`${url}/v1/files`, { method: "POST", body: form })
    return { status: response.status, body: (await response.json()) as { id: string } }
  }
  const first = await upload(15_000)
  expect(first.status).toBe(200)
  const second = await upload(15_000)
  expect([second.status, second.body.error?.message]).toEqual([
    413,
    expect.stringMatching(/15000 of 20000 bytes are kept/),
  ])
  expect((await fetch(`${url}/v1/files/${first.body.id}`, { method: "DELETE" })).status).toBe(200)
  expect((await upload(15_000)).status).toBe(200)
  const params = { model: "m", max_tokens: 9, messages: [{ role: "user", content: "x".repeat(8_000) }] }
  const batch = { requests: [{ custom_id: "a", params }] }
  expect((await post(`${url}/v1/messages/batches`, batch)).status).toBe(413)
  const request = { contents: [{ role: "user", parts: [{ text: "x".repeat(8_000) }] }] }
  const inline = { batch: { inputConfig: { requests: { requests: [{ request }] } } } }
  expect((await post(`${url}/v1beta/models/m:batchGenerateContent`, inline)).status).toBe(413)
  reset()
  expect((await post(`${url}/v1/messages/batches`, batch)).status).toBe(200)
})

test("who does not send a request to its end is cut off", async () => {
  const app = createHttpApp({ maxBodyBytes: 1e6, nextRequestId: () => "r", onBadRequest: () => {}, sendWithinMs: 100 })
  app.post("/", () => "never")
  await app.listen({ port: 0, host: "127.0.0.1" })
  const { port } = app.server.address() as { port: number }
  const said = await new Promise<string>((resolve) => {
    let text = ""
    const socket = connect(port, "127.0.0.1", () =>
      socket.write("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf"),
    )
    socket.on("data", (chunk) => (text += chunk.toString()))
    socket.on("error", () => {})
    socket.on("close", () => resolve(text))
  })
  expect(said).toMatch(/^HTTP\/1\.1 408 /)
  await app.close()
})

test("a vendor's own server has such a bound", async () => {
  const app = createHttpApp({ maxBodyBytes: 1e6, nextRequestId: () => "r", onBadRequest: () => {} })
  expect(app.server.requestTimeout).toBe(60_000)
  await app.close()
})

test.each(["/v1/models/%E0%A4", "/v1beta/models/%E0%A4:generateContent", "/v1/files/%E0%A4", "/%"])(
  "a path that cannot be decoded is a 400: %s",
  async (path) => {
    const { url } = await vendorFor()
    expect((await fetch(url + path)).status).toBe(400)
    expect((await fetch(url + path, { method: "POST", body: "{}" })).status).toBe(400)
  },
)

test.each([
  "<!--",
  "<script",
  "<script>",
  "<pre x ",
  "![",
  "![a](",
  "[",
  "[a](",
  "[a][",
  "[ ](",
  "<https:",
  "<p ",
  "<a",
  "</",
  "\n",
  " \n",
  "\r",
  "\r\t",
  "\u2028",
  "- ",
  "> ",
  ">",
  "=",
  "= ",
  "=\n",
  "**a ",
  "__a ",
  "_a",
  "*a",
  "`",
  "`a\n",
  "```\n",
  "~~~",
  "|",
  "a|",
  "1. ",
  "---\n",
  "    ",
  "\t",
  "[a]: ",
  "# ",
  "http://",
  "&amp;",
  "a",
  "é ",
  "<div",
  "<script></pre>",
  "**",
  "***a",
  "\n\n \n",
  "1",
])("plain text of ten times as much %j, a megabyte, takes some ten times as long", (piece) => {
  const textOf = (length: number): string => piece.repeat(Math.ceil(length / piece.length))
  expect(timesAsLong(plainText, textOf, 1_000_000)).toBeLessThan(mostTimesAsLong)
})

const needs = {
  type: "object",
  properties: { town: { type: "string" }, n: { type: "integer" } },
  required: ["town", "n"],
}

test("offSchema: whole answers that do not fit what was asked for; a call without a schema has none", async () => {
  const { url, stats } = await vendorFor({ faults: { rates: { offSchema: 1 } } })
  const texts = new Set<string>()
  for (let at = 0; at < 30; at++) {
    const { status, body } = await post(`${url}/v1/chat/completions`, { ...withSchema(needs), user: `u${at}` })
    expect(status).toBe(200)
    const [choice] = body["choices"] as { message: { content: string }; finish_reason: string }[]
    texts.add(choice!.message.content)
    expect(choice!.finish_reason).toBe("stop")
  }
  expect([...texts].toSorted()).toEqual(["42", expect.stringContaining("I am sorry"), '{"n":0}'])
  const plain = await post(`${url}/v1/chat/completions`, chat({}))
  expect(JSON.stringify(plain.body)).toContain("OK.")
  expect(stats()).toMatchObject({ answered: 1, failed: { offSchema: 30 }, inFlight: 0, repeats: 0 })
})

test("offSchema in streams, at the other vendors and in a tool's arguments, which stay JSON", async () => {
  const { url } = await vendorFor({ faults: { rates: { offSchema: 1 } } })
  const streamed = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ ...withSchema(needs), stream: true }),
  })
  expect(await streamed.text()).not.toContain("town")
  const contents = [{ role: "user", parts: [{ text: "hello" }] }]
  const gemini = await post(`${url}/v1beta/models/m:generateContent`, {
    contents,
    generationConfig: { responseMimeType: "application/json", responseSchema: needs },
  })
  expect([gemini.status, JSON.stringify(gemini.body)]).toEqual([200, expect.not.stringContaining('\\"town\\"')])
  for (let at = 0; at < 10; at++) {
    const anthropic = await post(`${url}/v1/messages`, {
      model: `m${at}`,
      max_tokens: 100,
      messages: [{ role: "user", content: "hello" }],
      tools: [{ name: "t", input_schema: needs }],
      tool_choice: { type: "tool", name: "t" },
    })
    expect(anthropic.status).toBe(200)
    const [part] = anthropic.body["content"] as { type: string; input: unknown }[]
    expect(part).toMatchObject({ type: "tool_use" })
    expect(part!.input).not.toHaveProperty("town")
  }
})

test("under the virtual clock, where there is no text, offSchema is an answer", async () => {
  const { shape, options } = randomTraffic(1)
  const report = await simulate(shape, { faults: { rates: { offSchema: 1 } } }, options)
  expect(report.lost).toBe(0)
})

test("a misspelt fault is told which there are", async () => {
  await expect(startVendor({ faults: { rates: { offschema: 0.1 } as object } })).rejects.toThrow(
    'unknown option "faults.rates.offschema". Did you mean "offSchema"?',
  )
})
