import type { IncomingHttpHeaders } from "node:http"
import { inspect } from "node:util"
import { expect, it, vi } from "vitest"
import { limitedFetch, VendorError } from "../../../src/index.ts"
import { inFlight } from "../../fake-vendor.ts"
import { fastClock, scriptedServer } from "../../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const keys = {
  authorization: "Bearer sk-secret-1",
  "x-api-key": "sk-secret-2",
  "x-goog-api-key": "sk-secret-3",
  "api-key": "sk-secret-4",
}
const chat = '{"choices":[{"message":{"content":"fine"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}'

it.each([301, 302, 303, 307, 308])(
  "%i to another origin: nothing is sent there, and the error says where to",
  async (status) => {
    const thief = await scriptedServer((_n, response) => void response.end("{}"))
    const server = await scriptedServer((_n, response) => {
      response.writeHead(status, { location: `${thief.url}/v1/chat/completions` }).end()
    })
    const limited = limitedFetch()
    const error: unknown = await limited(`${server.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...keys },
      body: '{"model":"m"}',
    }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(VendorError)
    expect(error).toMatchObject({
      code: "vendor-refused",
      retryable: false,
      message: expect.stringContaining(new URL(thief.url).host),
    })
    expect([thief.calls.length, server.calls.length, inFlight(limited)]).toEqual([0, 1, 0])
    await limited.close()
  },
)

it.each([307, 308])("%i on its own origin is followed, with method, body and key", async (status) => {
  const seen: IncomingHttpHeaders[] = []
  const server = await scriptedServer((_n, response, request) => {
    seen.push(request.headers)
    if (request.url === "/v1/chat/completions") response.writeHead(status, { location: "/v2/chat/completions" }).end()
    else response.writeHead(200, { "content-type": "application/json" }).end(chat)
  })
  const limited = limitedFetch()
  const answer = await limited(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: keys,
    body: '{"model":"m"}',
  })
  expect([answer.status, await answer.text()]).toEqual([200, chat])
  expect(server.calls.map(({ path, body }) => [path, body])).toEqual([
    ["/v1/chat/completions", '{"model":"m"}'],
    ["/v2/chat/completions", '{"model":"m"}'],
  ])
  expect(seen[1]).toMatchObject(keys)
  await limited.close()
})

it("a circle of redirects ends", async () => {
  const server = await scriptedServer((_n, response) => {
    response.writeHead(307, { location: "/v1/chat/completions" }).end()
  })
  const limited = limitedFetch({ retry: { maxAttempts: 1 } })
  await expect(
    limited(`${server.url}/v1/chat/completions`, { method: "POST", body: '{"model":"m"}' }),
  ).rejects.toBeInstanceOf(VendorError)
  expect(server.calls.length).toBeLessThan(30)
  expect(inFlight(limited)).toBe(0)
  await limited.close()
})
it("a file that lies elsewhere is fetched, without any key", async () => {
  const seen: IncomingHttpHeaders[] = []
  const store = await scriptedServer((_n, response, request) => {
    seen.push(request.headers)
    response.end("the file")
  })
  const server = await scriptedServer((_n, response) => {
    response.writeHead(302, { location: `${store.url}/blob` }).end()
  })
  const limited = limitedFetch()
  const answer = await limited(`${server.url}/v1/files/file-1/content`, { headers: keys })
  expect(await answer.text()).toBe("the file")
  for (const name of Object.keys(keys)) expect(seen[0]![name]).toBeUndefined()
  await limited.close()
})

it.each([
  "data:application/json,%7B%22data%22:%5B%5D%7D",
  "blob:nodedata:1",
  "file:///etc/hostname",
  "ftp://127.0.0.1/x",
  "http://someone:hunter2@127.0.0.1:1/v1/files",
  "//someone:hunter2@example.invalid/v1/files",
  "http://u@sk-secret-1.example.invalid/",
  `ftp://${"x".repeat(12_000)}/`,
])("%s as a place to go on is refused: one call, no answer made up, nobody's password shown", async (location) => {
  for (const [path, method] of [
    ["/v1/files/file-1/content", "GET"],
    ["/v1/chat/completions", "POST"],
  ] as const) {
    const server = await scriptedServer((_n, response) => void response.writeHead(302, { location }).end())
    const limited = limitedFetch({ clock: fastClock() })
    const init = { method, headers: keys, ...(method === "POST" && { body: '{"model":"m"}' }) }
    const error: unknown = await limited(`${server.url}${path}`, init).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: "vendor-refused", retryable: false })
    expect((error as Error).message.length).toBeLessThan(1_000)
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/hunter2|someone|sk-secret/)
    expect([server.calls.length, inFlight(limited)]).toEqual([1, 0])
    await limited.close()
  }
})

it.each(["/v1/chat/completions", "/v1/files"])(
  '%s with redirect: "error" is asked once, for asking again changes nothing',
  async (path) => {
    const server = await scriptedServer((_n, response) => void response.writeHead(302, { location: "/login" }).end())
    const limited = limitedFetch({ clock: fastClock() })
    const error: unknown = await limited(`${server.url}${path}`, {
      method: "POST",
      redirect: "error",
      body: '{"model":"m"}',
    }).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ retryable: false, message: expect.stringContaining('redirect: "error"') })
    expect([server.calls.length, inFlight(limited)]).toEqual([1, 0])
    await limited.close()
  },
)

it("a 303 becomes a GET, which says nothing of the body that it no longer has", async () => {
  const seen: IncomingHttpHeaders[] = []
  const server = await scriptedServer((_n, response, request) => {
    seen.push(request.headers)
    if (request.method === "POST") response.writeHead(303, { location: "/v1/done" }).end()
    else response.writeHead(200, { "content-type": "application/json" }).end(chat)
  })
  const limited = limitedFetch()
  await limited(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { ...keys, "content-type": "application/json" },
    body: '{"model":"m"}',
  })
  expect(seen.map((headers) => headers["content-type"])).toEqual(["application/json", undefined])
  expect(seen[1]).toMatchObject(keys)
  await limited.close()
})
