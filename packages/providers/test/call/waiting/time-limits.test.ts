import OpenAI from "openai"
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest"
import { limitedFetch, openaiOptions, VendorError } from "../../../src/index.ts"
import { inFlight } from "../../fake-vendor.ts"
import { scriptedServer } from "../../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const chat = '{"choices":[{"message":{"content":"fine"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}'
const piece = 'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
const post = { method: "POST", body: '{"model":"m"}' }

interface Dispatcher {
  dispatch(options: object, handler: unknown): unknown
}
// Undici 8, of Node 26, has another place for it.
const inUse = Symbol.for(`undici.globalDispatcher.${Number.parseInt(process.versions["undici"]!, 10) >= 8 ? 2 : 1}`)
const node = globalThis as { [inUse]?: Dispatcher }

/** What undici does after 300 s, after 100 ms: in the dispatcher that the program has set. */
function hastyDispatcher(): void {
  void Request
  const before = node[inUse]!
  const dispatch = (options: object, handler: unknown): unknown =>
    before.dispatch({ headersTimeout: 100, bodyTimeout: 100, ...options }, handler)
  node[inUse] = { dispatch }
  onTestFinished(() => void (node[inUse] = before))
}

describe("undici's own limits of 300 s", () => {
  beforeEach(hastyDispatcher)
  // Its timers have a resolution of about a second.
  const slowMs = 2500

  it("are there, and end a plain fetch", async () => {
    const server = await scriptedServer((_n, response) => void setTimeout(() => response.end(chat), slowMs))
    await expect(fetch(server.url)).rejects.toMatchObject({ cause: { code: "UND_ERR_HEADERS_TIMEOUT" } })
  })

  it("do not end a call whose first byte takes longer", async () => {
    const server = await scriptedServer((_n, response) => {
      setTimeout(() => response.writeHead(200, { "content-type": "application/json" }).end(chat), slowMs)
    })
    const limited = limitedFetch()
    expect(await (await limited(`${server.url}/v1/chat/completions`, post)).text()).toBe(chat)
    expect(server.calls).toHaveLength(1)
    await limited.close()
  })

  it("do not end a stream that is silent for longer", async () => {
    const server = await scriptedServer((_n, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).write(piece)
      setTimeout(() => response.end(piece), slowMs)
    })
    const limited = limitedFetch()
    expect(await (await limited(`${server.url}/v1/chat/completions`, post)).text()).toBe(piece + piece)
    await limited.close()
  })

  it("are told as what they are where another fetch has them", async () => {
    const server = await scriptedServer((_n, response) => void setTimeout(() => response.end(chat), slowMs))
    const limited = limitedFetch({ fetch: (input, init) => fetch(input, init), retry: { maxAttempts: 1 } })
    const error: unknown = await limited(`${server.url}/v1/chat/completions`, post).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(VendorError)
    expect(error).toMatchObject({ code: "timeout", message: expect.stringContaining("UND_ERR_HEADERS_TIMEOUT") })
    await limited.close()
  })
})

it("the message names timeoutMs, and the SDK takes it for the time-out that it is", async () => {
  const server = await scriptedServer(() => {})
  const limited = limitedFetch({ timeoutMs: 200, retry: { maxAttempts: 1 } })
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", ...openaiOptions(limited) })
  const error: unknown = await client.chat.completions
    .create({ model: "m", messages: [] })
    .catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(OpenAI.APIConnectionTimeoutError)
  const direct: unknown = await limited(`${server.url}/v1/chat/completions`, post).catch((caught: unknown) => caught)
  expect(direct).toMatchObject({
    code: "timeout",
    message: expect.stringMatching(/no answer within 200 ms \(timeoutMs\), at the last of 1 attempt\. Raise timeoutMs/),
  })
  await limited.close()
})

it.each([
  ["before its first piece", ": busy\n\n"],
  ["in the middle", piece],
])("the message names idleTimeoutMs for a stream that falls silent %s", async (_when, start) => {
  const server = await scriptedServer((_n, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).write(start)
  })
  const limited = limitedFetch({ idleTimeoutMs: 200, retry: { maxAttempts: 1 } })
  const error: unknown = await limited(`${server.url}/v1/chat/completions`, post)
    .then((answer) => answer.text())
    .catch((caught: unknown) => caught)
  expect(String(error)).toContain("the stream was silent for 200 ms (idleTimeoutMs)")
  expect(inFlight(limited)).toBe(0)
  await limited.close()
})
