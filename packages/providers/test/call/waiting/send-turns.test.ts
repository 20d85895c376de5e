import { getEventListeners } from "node:events"
import { VirtualClock } from "@sluice/lab"
import { expect, it } from "vitest"
import { SendTurns } from "../../../src/call/send-turns.ts"

it("lets sixteen calls go at once, the others in order, sixteen a turn, and keeps no timer when nobody calls", async () => {
  const clock = new VirtualClock()
  const turns = new SendTurns(clock)
  const gone: number[] = []
  const calls = Array.from({ length: 40 }, async (_, index) => {
    await turns.take()
    gone.push(index)
  })
  await Promise.resolve()
  await Promise.resolve()
  expect(gone.length).toBe(16)
  await clock.run(Promise.all(calls))
  expect(gone).toEqual(Array.from({ length: 40 }, (_, index) => index))
  expect(clock.now()).toBe(0)
  // A turn later there is room again.
  await clock.run(new Promise<void>((resolve) => void clock.setTimer(1, resolve)))
  expect(Array.from({ length: 17 }, () => turns.take() === undefined)).toEqual([...new Array(16).fill(true), false])
})

it("ends a call that waits for its turn as soon as its signal aborts, and keeps no listener of those that went", async () => {
  const clock = new VirtualClock()
  const turns = new SendTurns(clock)
  const { signal } = new AbortController()
  const first = Array.from({ length: 16 }, () => turns.take(signal))
  const gone = turns.take(signal)
  const stop = new AbortController()
  const stopped = turns.take(stop.signal)
  const behind = turns.take(signal)
  expect(first.every((turn) => turn === undefined)).toBe(true)
  expect(getEventListeners(signal, "abort").length).toBe(1)
  stop.abort("no longer wanted")
  await expect(stopped).rejects.toBe("no longer wanted")
  await clock.run(Promise.all([gone, behind]))
  expect(getEventListeners(signal, "abort").length).toBe(0)
})
