import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { limitedFetch } from "../../../src/index.ts"

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

/** A server that answers as told; its address. */
function serve(answer: (request: IncomingMessage, response: ServerResponse, body: string) => void): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => answer(request, response, Buffer.concat(chunks).toString()))
  })
  open.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
  })
}

const chat = (init: RequestInit = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "hi" }] }),
  ...init,
})
const events = { "content-type": "text/event-stream" }

describe("a stream", () => {
  it("whose caller gives up between two pieces gives its permit back at once", async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, events)
      response.write('data: {"choices":[{"delta":{"content":"a"}}]}\n\n')
    })
    const fetch = limitedFetch({ concurrency: 1 })
    const caller = new AbortController()
    await fetch(`${url}/v1/chat/completions`, chat({ signal: caller.signal }))
    caller.abort()
    expect(fetch.snapshot().map(({ inFlight }) => inFlight)).toEqual([0])
    expect((await fetch(`${url}/v1/chat/completions`, chat())).status).toBe(200)
  })

  it("that sends nothing but comments has not begun: timeoutMs ends it", async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, events)
      const timer = setInterval(() => response.write(": keep-alive\n\n"), 20)
      response.on("close", () => clearInterval(timer))
    })
    const fetch = limitedFetch({ timeoutMs: 300, idleTimeoutMs: 300, retry: { maxAttempts: 1 } })
    await expect(fetch(`${url}/v1/chat/completions`, chat())).rejects.toThrow(/300 ms \(timeoutMs\)/)
    expect(fetch.snapshot().map(({ inFlight }) => inFlight)).toEqual([0])
  })

  it("that breaks before its first output leaves no timer behind", async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, events)
      response.write(": ping\n\n", () => response.destroy())
    })
    const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
    const fetch = limitedFetch({ retry: { maxAttempts: 1 } })
    await expect(fetch(`${url}/v1/chat/completions`, chat())).rejects.toThrow()
    expect(process.getActiveResourcesInfo().filter((name) => name === "Timeout").length).toBeLessThanOrEqual(before)
  })
})

it("a refusal beside models whose body never ends is over after timeoutMs", async () => {
  const url = await serve((_request, response) => {
    response.writeHead(503, { "content-type": "application/json" })
    response.write("{")
  })
  const fetch = limitedFetch({ timeoutMs: 200, retry: { maxAttempts: 1 } })
  await expect(fetch(`${url}/v1/models`)).rejects.toThrow(/200 ms \(timeoutMs\)/)
})

it("a Request with a form keeps its body where several keys are given", async () => {
  const sizes: number[] = []
  const url = await serve((_request, response, body) => {
    sizes.push(body.length)
    response.writeHead(200, { "content-type": "application/json" }).end('{"text":"x"}')
  })
  const form = new FormData()
  form.set("model", "whisper-1")
  form.set("file", new Blob(["abc"]), "a.wav")
  const fetch = limitedFetch({ keys: ["k1"] })
  await fetch(new Request(`${url}/v1/audio/transcriptions`, { method: "POST", body: form }))
  expect(sizes).toEqual([expect.toSatisfy((size: number) => size > 200)])
})

it.each([
  [202, ""],
  [200, ""],
  [200, '"done"'],
  [204, ""],
])("what is limited only because everything is, is sent once when it is answered %d %j", async (status, body) => {
  let sent = 0
  const url = await serve((_request, response) => {
    sent++
    response.writeHead(status, { "content-type": "application/json" }).end(body)
  })
  const fetch = limitedFetch({ everything: true })
  const answer = await fetch(`${url}/orders`, { method: "POST", body: "x=1" })
  expect([answer.status, await answer.text(), sent]).toEqual([status, body, 1])
})

it("a password in the address of a call beside models is refused, and not told", async () => {
  const error = await limitedFetch()("http://u:secretpart@127.0.0.1:9/v1/models").catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: "invalid-option" })
  expect(String((error as Error).stack)).not.toContain("secretpart")
})
