import { semaphore } from "@sluice/scheduler"
import { expect, it } from "vitest"
import { limitedFetch } from "../../../src/index.ts"
import { bench, completion, openaiError } from "../../fake-vendor.ts"

it("pause holds calls back, those that wait in the quota too, and lets what is sent end; resume sends them", async () => {
  const first = Promise.withResolvers<Response>()
  const { fetch, chat, sent, clock } = bench((n) => (n === 0 ? first.promise : completion()), { concurrency: 1 })
  const ended = [chat(), chat()]
  await clock.advance(10)
  fetch.pause()
  expect(fetch.isPaused).toBe(true)
  ended.push(chat())
  first.resolve(completion())
  expect((await ended[0])?.status).toBe(200)
  await clock.advance(600_000)
  expect(sent).toHaveLength(1)
  fetch.resume()
  expect(fetch.isPaused).toBe(false)
  await clock.advance(10)
  expect((await Promise.all(ended)).map(({ status }) => status)).toEqual([200, 200, 200])
  expect(fetch.snapshot()[0]).toMatchObject({ inFlight: 0, waiting: 0 })
})

it("a paused call is given up by its own signal, and no retry is sent meanwhile", async () => {
  const { fetch, chat, sent, clock } = bench((n) => (n === 0 ? openaiError(503, "busy", {}) : completion()))
  const retried = chat()
  await clock.advance(1)
  expect(sent).toHaveLength(1)
  fetch.pause()
  await clock.advance(600_000)
  expect(sent).toHaveLength(1)
  const controller = new AbortController()
  const leaving = expect(chat({ signal: controller.signal })).rejects.toThrow("enough")
  controller.abort(new Error("enough"))
  await leaving
  fetch.resume()
  await clock.advance(600_000)
  expect((await retried).status).toBe(200)
  expect(sent).toHaveLength(2)
})

it("a paused call waits no longer than maxWaitMs, its wait in the quota included, and is not sent after it", async () => {
  const first = Promise.withResolvers<Response>()
  const { fetch, chat, sent, clock } = bench(() => first.promise, { concurrency: 1, maxWaitMs: 300 })
  const answered = chat()
  await clock.advance(1)
  const queued = expect(chat()).rejects.toMatchObject({ code: "deadline-unreachable" })
  await clock.advance(200)
  fetch.pause()
  first.resolve(completion())
  expect((await answered).status).toBe(200)
  await clock.advance(101)
  await queued
  const late = chat().catch((error: unknown) => error as Error)
  await clock.advance(299)
  expect(await Promise.race([late, Promise.resolve("pending")])).toBe("pending")
  await clock.advance(1)
  const error = (await late) as Error & { code?: string }
  expect(error.code).toBe("deadline-unreachable")
  expect(error.message).toContain("paused, and not resumed within maxWaitMs")
  fetch.resume()
  await clock.advance(1000)
  expect(sent).toHaveLength(1)
  expect(fetch.snapshot()[0]).toMatchObject({ inFlight: 0, waiting: 0 })
})

it("update changes the limits of quotas that are there and of those to come, or none when one is wrong", async () => {
  const held = Promise.withResolvers<void>()
  const { fetch, chat, sent, clock } = bench(() => held.promise.then(() => completion()), { concurrency: 1 })
  const ended = [chat(), chat(), chat()]
  await clock.advance(10)
  expect(sent).toHaveLength(1)
  expect(() => fetch.update({ concurrency: 2, requestsPerMinute: -1 })).toThrow("requestsPerMinute")
  await clock.advance(10)
  expect(sent).toHaveLength(1)
  fetch.update({ concurrency: 2 })
  await clock.advance(10)
  expect(sent).toHaveLength(2)
  expect(fetch.snapshot()[0]?.limits).toContainEqual(expect.objectContaining({ name: "concurrency", limit: 2 }))
  const other = chat({ key: "sk-other" })
  await clock.advance(10)
  expect(fetch.snapshot()[1]?.limits).toContainEqual(expect.objectContaining({ name: "concurrency", limit: 2 }))
  held.resolve()
  await Promise.all([...ended, other])
})

it("update refuses for a limiter of the caller's own", () => {
  expect(() => limitedFetch({ quota: semaphore({ limit: 1 }) }).update({ concurrency: 2 })).toThrow("one of yours")
})
