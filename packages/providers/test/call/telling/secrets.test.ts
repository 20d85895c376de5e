import { type AddressInfo, createServer } from "node:net"
import { inspect } from "node:util"
import type { SluiceEvent } from "@sluice/core"
import { systemClock } from "@sluice/scheduler"
import { describe, expect, it, onTestFinished } from "vitest"
import { limitedFetch, type LimitedFetchOptions } from "../../../src/index.ts"
import { batchHttp } from "../../../src/vendor-batch/vendors/batch-http.ts"
import { scriptedServer } from "../../scripted-server.ts"

/** A vendor that echoes the key that it got, in words, codes and types. All that is told of it. */
async function told(key: string, options: LimitedFetchOptions = {}, status = 401, url = ""): Promise<string> {
  const server = await scriptedServer((_n, response, request) => {
    const got =
      (request.headers.authorization ?? "").replace(/^Bearer /, "") ||
      new URL(request.url!, "http://x").searchParams.get("key")
    response.writeHead(status, { "content-type": "application/json" })
    response.end(
      JSON.stringify({ error: { message: `The key ${got} is wrong ("${got}").`, code: `bad_${got}`, type: got } }),
    )
  })
  const events: SluiceEvent[] = []
  const fetch = limitedFetch({
    onEvent: (event) => events.push(event),
    retry: { maxAttempts: 1, maxRefusals: 0 },
    ...options,
  })
  const headers: Record<string, string> = { "content-type": "application/json" }
  if (url === "") headers["authorization"] = `Bearer ${key}`
  const ended = await fetch(`${server.url}/v1/chat/completions${url}`, {
    method: "POST",
    headers,
    body: JSON.stringify({ model: "m", messages: [] }),
  }).then(
    ({ status: got }) => got,
    (error: unknown) => error,
  )
  expect(events.some((event) => event.type === "http-attempt")).toBe(true)
  return inspect([events, fetch.snapshot(), ended], { depth: 20, showHidden: true })
}

describe("a vendor that echoes the key beside its words", () => {
  const key = "k3y/with+signs==abc"

  it.each([
    ["in the id of the request", 503, { "x-request-id": `req ${key}` }, {}],
    [
      "in its answer's id, model and reason",
      200,
      {},
      { id: key, model: key, choices: [{ message: { content: "x" }, finish_reason: key }] },
    ],
  ])("%s", async (_name, status, headers, body) => {
    const server = await scriptedServer((_n, response) => {
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))
    })
    const events: SluiceEvent[] = []
    const limited = limitedFetch({ onEvent: (event) => events.push(event), retry: { maxAttempts: 1 } })
    await limited(`${server.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: '{"model":"m"}',
    })
    expect(events.length).toBeGreaterThan(1)
    expect(inspect([events, limited.snapshot()], { depth: 20, showHidden: true })).not.toContain(key)
    await limited.close()
  })

  it.each([
    ["a status line that is none", `HTTP/9.9 nonsense ${key}\r\n\r\n`],
    ["a header that is none", `HTTP/1.1 200 OK\r\n${key}\0: x\r\n\r\n`],
    ["a length that is none", `HTTP/1.1 200 OK\r\ncontent-length: ${key}\r\n\r\n`],
    ["a chunk that is none", `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${key}\r\n`],
    ["half an answer", `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"${key}`],
  ])("in bytes that are no HTTP: %s", async (_name, bytes) => {
    const server = createServer((socket) => {
      socket.on("error", () => {})
      socket.once("data", () => socket.end(Buffer.from(bytes)))
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const isInBody = bytes.includes("200 OK\r\ntransfer") || bytes.includes("999")
    // The body of a file is fetch's own: it goes through unread.
    for (const path of ["/v1/chat/completions", ...(isInBody ? [] : ["/v1/files"])]) {
      const events: SluiceEvent[] = []
      const limited = limitedFetch({ onEvent: (event) => events.push(event), retry: { maxAttempts: 1 } })
      const error: unknown = await limited(`http://127.0.0.1:${port}${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: '{"model":"m"}',
      })
        .then((answer) => answer.text())
        .catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(Error)
      const shown = inspect([error, events, limited.snapshot()], { depth: 20, showHidden: true })
      expect(shown).not.toContain(key)
      // As bytes.
      expect(shown).not.toContain([...Buffer.from(key.slice(0, 8))].map((byte) => byte.toString(16)).join(" "))
      await limited.close()
    }
  })
})

describe("what the vendor echoes of a key is told to nobody", () => {
  it.each([
    ["of a form that nobody knows", "k3y/with+signs=="],
    ["short", "abc123"],
    ["with a quote and a backslash", 'a"b\\c-long-enough'],
    ["with a carriage return from an .env", "sk-windows-line\r"],
  ])("%s", async (_name, key) => {
    for (const status of [401, 429, 500]) {
      const all = await told(key, {}, status)
      for (const form of new Set([key.trim(), JSON.stringify(key.trim()).slice(1, -1)])) expect(all).not.toContain(form)
    }
  })

  it("one of several keys, of which one is the beginning of another", async () => {
    const all = await told("unused", { keys: ["tok-abcdef", "tok-abcdef-9876543210"] }, 401)
    for (const piece of ["tok-abcdef", "9876543210"]) expect(all).not.toContain(piece)
  })

  it("a key in the query", async () => {
    expect(await told("", { vendor: "openai-compatible" }, 400, "?key=query-key-123")).not.toContain("query-key-123")
  })
})

it("an address with a user name or password is refused by name, and shown without them", async () => {
  const fetch = limitedFetch()
  const call = fetch("https://someone:hunter2@api.example/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  })
  const error: unknown = await call.catch((caught: unknown) => caught)
  expect(error).toMatchObject({
    code: "invalid-option",
    message: expect.stringContaining("authorization header") as string,
  })
  expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/hunter2|someone/)
})

describe("a key in what cannot be parsed", () => {
  const key = "k3y-with-no-form-0123456789"
  const shown = (error: unknown): string => inspect(error, { depth: 20, showHidden: true })
  const call = { method: "POST", headers: { authorization: `Bearer ${key}`, "content-type": "application/json" } }

  it.each(["/v1/files", "/v1/models", "/v1/chat/completions", "/v1/embeddings"])(
    "of a call to %s, however it is read",
    async (path) => {
      for (const body of [key, `{"error":"${key}`, `{"id":"a","key":${key}}`, `<p>${key}</p>`]) {
        const server = await scriptedServer((_n, response) => {
          response.writeHead(200, { "content-type": "application/json" }).end(body)
        })
        const limited = limitedFetch({ retry: { maxAttempts: 1 } })
        const error: unknown = await limited(server.url + path, { ...call, body: '{"model":"m"}' })
          .then((answer) => answer.json())
          .catch((caught: unknown) => caught)
        expect(error).toBeInstanceOf(SyntaxError)
        expect(shown(error)).not.toContain(key.slice(0, 8))
        const again: unknown = await limited(server.url + path, { ...call, body: '{"model":"m"}' })
          .then((answer) => answer.clone().json())
          .catch((caught: unknown) => caught)
        expect(shown(again)).not.toContain(key.slice(0, 8))
        await limited.close()
      }
    },
  )

  it("of a call beside models whose body breaks off: no bytes of it in the error", async () => {
    const bytes = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${key}\r\n`
    const server = createServer((socket) => {
      socket.on("error", () => {})
      socket.once("data", () => socket.end(Buffer.from(bytes)))
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const limited = limitedFetch({ retry: { maxAttempts: 1 } })
    for (const read of ["text", "json", "bytes", "arrayBuffer", "blob"] as const) {
      const error: unknown = await limited(`http://127.0.0.1:${port}/v1/files`, { ...call, body: "{}" })
        .then((answer) => answer[read]())
        .catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(Error)
      expect(shown(error)).not.toContain(key.slice(0, 8))
      expect(shown(error)).not.toContain([...Buffer.from(key.slice(0, 8))].map((byte) => byte.toString(16)).join(" "))
    }
    await limited.close()
  })

  it.each([200, 401])("of a batch API that answers %i", async (status) => {
    const server = await scriptedServer((_n, response) => {
      const body = status === 200 ? `{"id":"${key}` : `{"error":{"message":"no ${key}","code":"bad_${key}"}}`
      response.writeHead(status, { "content-type": "application/json" }).end(body)
    })
    const headers = new Headers({ authorization: `Bearer ${key}` })
    const http = batchHttp({ vendor: "a vendor", fetch, headers, clock: systemClock, timeoutMs: 60_000 })
    const error: unknown = await http
      .json("GET", new URL(`${server.url}/v1/batches`))
      .catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(Error)
    expect(shown(error)).not.toContain(key.slice(0, 8))
  })
})
