import { describe, expect, it } from "vitest"
import { refilledResponse } from "../../src/http/response.ts"

const text = '﻿{"a": "ü"}'
const bytes = new TextEncoder().encode(text)

async function refilled(parsed?: unknown): Promise<Response> {
  const response = new Response(bytes, {
    status: 201,
    headers: { "content-type": "application/json", "x-request-id": "r" },
  })
  await response.arrayBuffer()
  return refilledResponse(response, bytes.slice(), parsed)
}

describe("a response whose body was read, as if it had not been", () => {
  it("is a Response with its status and headers", async () => {
    const response = await refilled()
    expect(response).toBeInstanceOf(Response)
    expect([response.status, response.ok, response.headers.get("x-request-id"), response.bodyUsed]).toEqual([
      201,
      true,
      "r",
      false,
    ])
  })

  it("gives what an untouched response gives, in every form", async () => {
    const fresh = (): Response => new Response(bytes, { headers: { "content-type": "application/json" } })
    expect(await (await refilled()).text()).toBe(await fresh().text())
    expect(await (await refilled()).json()).toEqual(await fresh().json())
    expect(await (await refilled({ a: "ü" })).json()).toEqual(await fresh().json())
    expect(await (await refilled()).bytes()).toEqual(await fresh().bytes())
    expect(await (await refilled()).arrayBuffer()).toEqual(await fresh().arrayBuffer())
    const blob = await (await refilled()).blob()
    expect([blob.type, await blob.text()]).toEqual(["application/json", await (await fresh().blob()).text()])
    expect(await new Response((await refilled()).body).bytes()).toEqual(bytes)
  })

  it("can be read once, and cloned before that", async () => {
    const response = await refilled()
    const clone = response.clone()
    await response.text()
    expect(response.bodyUsed).toBe(true)
    await expect(response.json()).rejects.toThrow("already been read")
    expect(() => response.clone()).toThrow("consumed")
    expect(await clone.bytes()).toEqual(bytes)
    const streamed = await refilled()
    await streamed.body!.getReader().read()
    expect(streamed.bodyUsed).toBe(true)
    await expect(streamed.text()).rejects.toThrow("already been read")
  })
})
