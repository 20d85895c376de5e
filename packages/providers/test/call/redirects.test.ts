import type { IncomingHttpHeaders } from "node:http"
import { expect, it, vi } from "vitest"
import { limitedFetch, VendorError } from "../../src/index.ts"
import { inFlight } from "../fake-vendor.ts"
import { scriptedServer } from "../scripted-server.ts"

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
