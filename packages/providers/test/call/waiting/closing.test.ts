import { SluiceError } from "@sluice/core"
import { semaphore } from "@sluice/scheduler"
import { expect, it } from "vitest"
import { limitedFetch } from "../../../src/index.ts"
import { bench, completion, json, openaiError } from "../../fake-vendor.ts"
import { scriptedServer } from "../../scripted-server.ts"

const closed = { code: "limiter-closed" }
const post = { method: "POST", headers: { "content-type": "application/json" } }

it.each([
  ["a call that sleeps between attempts", 503, "/v1/chat/completions"],
  ["one that was told to wait", 429, "/v1/chat/completions"],
  ["a call beside models", 503, "/v1/files"],
])("close() ends %s at once, by its own error", async (_name, status, path) => {
  const answered = Promise.withResolvers<void>()
  const server = await scriptedServer((_n, response) => {
    response.writeHead(status, { "retry-after": "3600", "content-type": "application/json" })
    response.end('{"error":{"message":"later"}}', () => answered.resolve())
  })
  const limited = limitedFetch()
  const call = limited(`${server.url}${path}`, { ...post, body: '{"model":"m"}' })
  const ended = expect(call).rejects.toMatchObject(closed)
  await answered.promise
  await new Promise((resolve) => setTimeout(resolve, 50))
  await limited.close()
  await ended
  expect(server.calls).toHaveLength(1)
})

it("close() lets what is in flight end, also in a second attempt", async () => {
  const release = Promise.withResolvers<Response>()
  const sent = Promise.withResolvers<void>()
  const { fetch, chat, clock } = bench((n) => {
    if (n === 0) return openaiError(503, "busy", { "retry-after": "1" })
    sent.resolve()
    return release.promise
  })
  const call = chat()
  await clock.advance(5000)
  await sent.promise
  const end = fetch.close()
  release.resolve(completion())
  expect((await call).status).toBe(200)
  await end
})

it("close() ends what waits under a limiter of the caller's own, and leaves that open", async () => {
  const own = semaphore({ limit: 1 })
  const held = await own.admit()
  const { fetch, chat } = bench(() => completion(), { quota: own })
  const call = chat()
  const ended = expect(call).rejects.toMatchObject(closed)
  await fetch.close()
  await ended
  held.settle({ outcome: "success" })
  await expect(own.admit()).resolves.toBeDefined()
})

const endless = (onCancel: (reason: unknown) => void): ReadableStream<Uint8Array> =>
  new ReadableStream({
    pull: (controller) => {
      controller.enqueue(new TextEncoder().encode('{"model":'))
      return new Promise(() => {})
    },
    cancel: onCancel,
  })

it.each([
  ["a call to a model", "/v1/chat/completions", {}],
  ["a call beside models", "/v1/batches", {}],
  ["a call with a fallback", "/v1/chat/completions", { fallback: [{ key: "other" }] }],
])("a body that never ends hears its abort, and close(): %s", async (_name, path, options) => {
  const { fetch } = bench(() => json(200, {}), options)
  const reason = new Error("enough")
  const send = (signal?: AbortSignal): { call: Promise<Response>; cancelled: Promise<unknown> } => {
    const { promise: cancelled, resolve } = Promise.withResolvers<unknown>()
    const init = { ...post, body: endless(resolve), duplex: "half", ...(signal && { signal }) }
    return { call: fetch(`https://api.openai.com${path}`, init as RequestInit), cancelled }
  }
  const controller = new AbortController()
  const aborted = send(controller.signal)
  const left = send()
  const rejected = Promise.all([
    expect(aborted.call).rejects.toBe(reason),
    expect(left.call).rejects.toBeInstanceOf(SluiceError),
  ])
  await new Promise((resolve) => setTimeout(resolve, 10))
  controller.abort(reason)
  expect(await aborted.cancelled).toBe(reason)
  await fetch.close()
  expect(await left.cancelled).toMatchObject(closed)
  await rejected
})
