import { inspect } from "node:util"
import type { SluiceEvent } from "@sluice/core"
import { describe, expect, it } from "vitest"
import { limitedFetch, type LimitedFetchOptions } from "../../src/index.ts"
import { inFlight } from "../fake-vendor.ts"
import { scriptedServer } from "../scripted-server.ts"

const json = { "content-type": "application/json" }
const paths = ["/v1/chat/completions", "/v1/files"]
const options: readonly LimitedFetchOptions[] = [{}, { keys: ["k1", "k2"] }, { fallback: [{ model: "other" }] }]

/** What comes of it: no attempt, and one error, as a logger shows it. */
async function refused(path: string, init: RequestInit, with_: LimitedFetchOptions = {}): Promise<string> {
  const server = await scriptedServer((_n, response) => void response.end("{}"))
  const events: SluiceEvent[] = []
  const limited = limitedFetch({ ...with_, onEvent: (event) => events.push(event) })
  const error: unknown = await limited(`${server.url}${path}`, init).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: "invalid-option", retryable: false })
  expect(server.calls).toHaveLength(0)
  const attempts = events.filter(({ type }) => type === "http-attempt")
  expect(attempts.length).toBeLessThanOrEqual(1)
  for (const attempt of attempts) expect(attempt).toMatchObject({ decision: "fatal", error: "invalid-request" })
  expect(inFlight(limited)).toBe(0)
  await limited.close()
  return inspect([error, events], { depth: 20, showHidden: true })
}

describe.each(paths)("%s: a header that cannot be sent is refused at once, by its name and never its value", (path) => {
  it.each([
    ["a line end inside", { "x-team-secret": "sk-first\nsk-second" }, "line end"],
    ["a control character", { "x-team-secret": "sk-first\0sk-second" }, "control character"],
    ["typographic quotes", { "x-team-secret": "“sk-first”" }, "character 1 .*not Latin-1"],
    ["in pairs", [["x-team-secret", "sk-first\r\nx: sk-second"]] as [string, string][], "line end"],
  ])("%s", async (_name, headers, why) => {
    for (const each of options) {
      const given = Array.isArray(headers)
        ? [...headers, ["content-type", "application/json"] as [string, string]]
        : { ...json, ...headers }
      const shown = await refused(path, { method: "POST", headers: given, body: '{"model":"m"}' }, each)
      expect(shown).toContain("x-team-secret")
      expect(shown).toMatch(new RegExp(why))
      expect(shown).not.toMatch(/sk-first|sk-second/)
    }
  })

  it("a name that is none, with a key in it", async () => {
    const shown = await refused(path, { method: "POST", headers: { "Authorization: Bearer sk-first": "" }, body: "{}" })
    expect(shown).toContain('"Authorization"')
    expect(shown).not.toContain("sk-first")
  })
})

it("a line end after a value is cut off by fetch, and no reason to refuse", async () => {
  const seen: unknown[] = []
  const server = await scriptedServer((_n, response, request) => {
    seen.push(request.headers["x-team"])
    response.writeHead(200, json).end('{"choices":[{"message":{"content":"fine"}}]}')
  })
  const limited = limitedFetch()
  await limited(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { ...json, "x-team": "a\r\n" },
    body: "{}",
  })
  expect(seen).toEqual(["a"])
  await limited.close()
})

it.each<[string, string, RequestInit]>([
  ["a method that is none", "/v1/files", { method: "DE LETE" }],
  ["a body with GET", "/v1/files", { method: "GET", body: "x" }],
  ["a stream without duplex", "/v1/files", { method: "POST", body: new ReadableStream() }],
  ["a stream without duplex, to a model", "/v1/audio/transcriptions", { method: "POST", body: new ReadableStream() }],
  ["a mode that is none", "/v1/chat/completions", { method: "POST", body: "{}", mode: "navigate" }],
])("%s can never be sent: one error, no retry, and the vendor has no part in it", async (_name, path, init) => {
  expect(await refused(path, init)).toContain("cannot be built")
})
