import { inspect } from "node:util"
import type { SluiceEvent } from "@sluice/core"
import { describe, expect, it } from "vitest"
import { limitedFetch, type LimitedFetchOptions } from "../../src/index.ts"
import { scriptedServer } from "../scripted-server.ts"

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
