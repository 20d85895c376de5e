import { connect } from "node:net"
import { Script } from "node:vm"
import fc from "fast-check"
import { expect, test } from "vitest"
import { startVendor, type ServerOptions, type VendorStats } from "../../src/index.ts"
import { post, vendorFor } from "./started-vendor.ts"

const body = { model: "m", messages: [{ role: "user", content: "hello" }], max_tokens: 10 }

const posts = [
  "/v1/chat/completions",
  "/v1/responses",
  "/v1/embeddings",
  "/openai/deployments/m/chat/completions",
  "/openai/deployments/m/embeddings",
  "/openai/v1/chat/completions",
  "/openai/responses",
  "/v1/files",
  "/v1/batches",
  "/v1/batches/none/cancel",
  "/v1/messages",
  "/v1/messages/count_tokens",
  "/v1/messages/batches",
  "/v1/messages/batches/none/cancel",
  "/v1beta/models/m:generateContent",
  "/v1beta/models/m:streamGenerateContent?alt=sse",
  "/v1beta/models/m:batchEmbedContents",
  "/v1beta/models/m:embedContent",
]
const gets = [
  "/v1/files/none",
  "/v1/files/none/content",
  "/v1/batches/none",
  "/v1/models/none",
  "/v1/messages/batches/none",
  "/v1/messages/batches/none/results",
]

/** Never what an endpoint wants: no field has the right shape. */
const garbage = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((bytes) => new Uint8Array(bytes)),
  fc.string({ maxLength: 200 }),
  fc.json(),
  fc
    .record({
      model: fc.jsonValue(),
      messages: fc.constantFrom<unknown>(1, "x", [], [1], [{}], null),
      input: fc.constantFrom<unknown>(1, [], null, {}),
      contents: fc.constant(7),
      stream: fc.boolean(),
    })
    .map((value) => JSON.stringify(value)),
)
const contentType = fc.constantFrom(
  "application/json",
  "text/plain",
  "multipart/form-data; boundary=x",
  "multipart/form-data",
  "x/y;;;",
)

test("garbage gets a 4xx with a JSON error from every endpoint, and the vendor lives on", async () => {
  const { url, stats } = await vendorFor()
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...posts), garbage, contentType, async (path, sent, type) => {
      const response = await fetch(url + path, {
        method: "POST",
        body: sent,
        headers: { "content-type": type },
      })
      expect(response.status, `${path} ${String(sent)}`).toBeGreaterThanOrEqual(400)
      expect(response.status, `${path} ${String(sent)}`).toBeLessThan(500)
      expect(await response.json()).toHaveProperty("error")
    }),
    { numRuns: 250 },
  )
  expect((await post(`${url}/v1/chat/completions`, body)).status).toBe(200)
  expect(stats()).toMatchObject({ arrived: 1, answered: 1, inFlight: 0 })
}, 60_000)

test("half-right bodies never make it fail: any JSON in the places of text", async () => {
  const { url } = await vendorFor({ answer: "extractive" })
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.jsonValue(), async (first, second) => {
      const asked = {
        model: "m",
        max_tokens: 10,
        messages: [{ role: "user", content: first }],
        contents: [{ parts: [first] }],
        input: second,
        tools: second,
        system: second,
      }
      for (const path of posts)
        expect((await fetch(url + path, { method: "POST", body: JSON.stringify(asked) })).status, path).toBeLessThan(
          500,
        )
    }),
    { numRuns: 12 },
  )
}, 60_000)

test("what does not exist is a 404 with a JSON error", async () => {
  const { url } = await vendorFor()
  for (const path of gets) {
    const response = await fetch(url + path)
    expect(response.status, path).toBe(404)
    expect(await response.json()).toHaveProperty("error")
  }
})

test("bytes that are no HTTP are answered with 400 and a closed connection", async () => {
  const { port, url } = await vendorFor()
  const said = await new Promise<string>((resolve, reject) => {
    let text = ""
    const socket = connect(port, "127.0.0.1", () => socket.write("\u0000\u0001nonsense\r\n\r\n"))
    socket.on("data", (chunk) => (text += chunk.toString()))
    socket.on("close", () => resolve(text))
    socket.on("error", reject)
  })
  expect(said).toMatch(/^HTTP\/1\.1 400/)
  expect((await post(`${url}/v1/chat/completions`, body)).status).toBe(200)
})

test.each(["/v1/chat/completions", "/v1/messages", "/v1beta/models/m:generateContent"])(
  "a body above the limit is a 413 in the vendor's shape: %s",
  async (path) => {
    const { url } = await vendorFor({ maxBodyBytes: 1000 })
    const response = await post(url + path, { ...body, padding: "x".repeat(2000) })
    expect(response.status).toBe(413)
    expect(response.body).toHaveProperty("error")
  },
)

test("the truth is served as JSON, reset afresh, and shown as a page", async () => {
  const { url, stats } = await vendorFor({ limits: { requests: { limit: 60, burst: 1 } }, faults: { rates: {} } })
  await post(`${url}/v1/chat/completions`, body)
  await post(`${url}/v1/chat/completions`, body)
  const read = async () => (await (await fetch(`${url}/lab/stats`)).json()) as VendorStats
  expect(await read()).toMatchObject({
    arrived: 2,
    answered: 1,
    refused: 1,
    inputTokens: 2,
    limits: [{ dimension: "requests", limit: 60 }],
  })
  const reset = await fetch(`${url}/lab/reset`, { method: "POST" })
  expect(await reset.json()).toMatchObject({ arrived: 0, refused: 0 })
  expect(stats().arrived).toBe(0)
  expect((await post(`${url}/v1/chat/completions`, body)).status).toBe(200)
  const page = await fetch(`${url}/lab`)
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8")
  const html = await page.text()
  expect(html).toContain("/lab/stats")
  const [, script = ""] = /<script>([\s\S]*)<\/script>/.exec(html) ?? []
  expect(() => new Script(script)).not.toThrow()
})

test("configure changes what it is told and starts afresh; a mistake changes nothing", async () => {
  const vendor = await vendorFor({ answer: { text: "before" } })
  const said = async () =>
    ((await post(`${vendor.url}/v1/chat/completions`, body)).body as { choices: { message: { content: string } }[] })
      .choices[0]?.message.content
  expect(await said()).toBe("before")
  vendor.configure({ answer: { text: "after" }, limits: { requests: 100 } })
  expect(await said()).toBe("after")
  expect(vendor.stats()).toMatchObject({ arrived: 1, limits: [{ limit: 100 }] })
  expect(() => vendor.configure({ limits: { requests: -1 } })).toThrow("limits.requests")
  expect(await said()).toBe("after")
})

test("the same body twice is a repeat; another text is not", async () => {
  const { url, stats } = await vendorFor()
  await post(`${url}/v1/chat/completions`, body)
  await post(`${url}/v1/chat/completions`, { ...body, user: "other" })
  expect(stats().repeats).toBe(0)
  await post(`${url}/v1/chat/completions`, body)
  expect(stats().repeats).toBe(1)
})

test("a function answers from the request; its error is a 500 and harms nobody else", async () => {
  const { url } = await vendorFor({
    answer: ({ messages, model }) => {
      if (messages[0]?.text === "fail") throw new Error("no")
      return `${model}: ${messages.length}`
    },
  })
  expect(await post(`${url}/v1/chat/completions`, body)).toMatchObject({
    status: 200,
    body: { choices: [{ message: { content: "m: 1" } }] },
  })
  expect(
    (await post(`${url}/v1/chat/completions`, { ...body, messages: [{ role: "user", content: "fail" }] })).status,
  ).toBe(500)
  expect((await post(`${url}/v1/chat/completions`, body)).status).toBe(200)
})

test("a function may call a tool that was offered", async () => {
  const { url } = await vendorFor({
    answer: ({ tools }) => ({ tool: tools[0]?.name ?? "", arguments: { city: "Berlin" } }),
  })
  const tools = [{ type: "function", function: { name: "weather" } }]
  const { body: answer } = await post(`${url}/v1/chat/completions`, { ...body, tools })
  expect(answer).toMatchObject({
    choices: [
      {
        finish_reason: "tool_calls",
        message: { tool_calls: [{ function: { name: "weather", arguments: '{"city":"Berlin"}' } }] },
      },
    ],
  })
})

test("a refused call costs no answer", async () => {
  let asked = 0
  const { url } = await vendorFor({ limits: { requests: { limit: 60, burst: 1 } }, answer: () => `answer ${++asked}` })
  for (let call = 0; call < 5; call++) await post(`${url}/v1/chat/completions`, body)
  expect(asked).toBe(1)
})

test("it listens on loopback unless told otherwise in words", async () => {
  const { url } = await vendorFor()
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  await expect(startVendor({ host: "0.0.0.0" })).rejects.toThrow(/host must be a loopback address.*got "0\.0\.0\.0"/)
})

test.each([
  [{ port: -1 }, /port must be a port.*got -1/],
  [{ limits: { requests: 0 } }, /limits\.requests.*got 0/],
  [{ limit: { requests: 1 } }, /unknown option "limit"\. Did you mean "limits"\?/],
  [{ batch: { errorRate: 2 } }, /batch\.errorRate.*got 2/],
  [{ answer: "parrot" }, /answer.*got "parrot"/],
  [{ headers: "groq" }, /headers.*got "groq"/],
  [{ faults: { rate: { error500: 1 } } }, /unknown option "faults\.rate"\. Did you mean "rates"\?$/],
  [{ faults: { rates: { eror500: 1 } } }, /unknown option "faults\.rates\.eror500"\. Did you mean "error500"\?$/],
  [{ faults: { rates: { hang: 2 } } }, /faults\.rates\.hang must be a number from 0 to 1 \(got 2\)/],
  [{ faults: { schedule: [{ kind: "outag", fromMs: 0 }] } }, /faults\.schedule\.0\.kind .*"outage".*\(got "outag"\)/],
  [{ faults: { schedule: [{ kind: "outage" }] } }, /faults\.schedule\.0\.fromMs .*number.*\(got undefined\)/],
  [{ latency: { base: 5 } }, /unknown option "latency\.base"\. Did you mean "baseMs"\?$/],
  [{ latency: { baseMs: "5" } }, /latency\.baseMs .*number.*\(got "5"\)/],
  [{ latency: { knee: { at: 0 } } }, /latency\.knee\.at must be a number above 0 \(got 0\)/],
  [{ schedule: [{ atMs: 0, limits: { rpm: 5 } }] }, /unknown option "schedule\.0\.limits\.rpm"\. Known: requests,/],
  [
    { coTenants: [{ requestsPerMinute: 5, tokens: 3 }] },
    /unknown option "coTenants\.0\.tokens"\. Known: .*tokensPerCall/,
  ],
  [{ limits: { requests: { limit: 5, kind: "fixed" } } }, /unknown option "limits\.requests\.kind"\. Known: .*model/],
  [{ limits: { requests: { limit: 5, model: "leaky" } } }, /limits\.requests\.model .*"sliding".*\(got "leaky"\)/],
  [{ limits: { concurrency: { limit: 5, status: 500 } } }, /limits\.concurrency\.status .*\(got 500\)/],
  [{ chargeMaxTokens: "all" }, /chargeMaxTokens .*\(got "all"\)/],
])("an option that makes no sense is named: %j", async (options, message) => {
  await expect(startVendor(options as ServerOptions)).rejects.toThrow(message)
  await expect(startVendor(options as ServerOptions)).rejects.toMatchObject({ code: "invalid-option" })
})
