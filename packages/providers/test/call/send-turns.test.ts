import { VirtualClock } from "@sluice/lab"
import { expect, it } from "vitest"
import { SendTurns } from "../../src/call/send-turns.ts"

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
