import { VirtualClock } from "@sluice/lab"
import { expect, test } from "vitest"
import { Alarm } from "../../src/runtime/alarm.ts"

function rung(): { clock: VirtualClock; alarm: Alarm; at: number[] } {
  const clock = new VirtualClock()
  const at: number[] = []
  return { clock, alarm: new Alarm(clock, () => at.push(clock.now())), at }
}

test("rings once, at the moment that it was set to last", async () => {
  const { clock, alarm, at } = rung()
  alarm.set(0, 500)
  alarm.set(0, 200)
  alarm.set(0, 300)
  await clock.advance(2_000)
  expect(at).toEqual([300])
})

test("never means never, and it can be set again after it rang", async () => {
  const { clock, alarm, at } = rung()
  alarm.set(0, 100)
  alarm.set(0, Infinity)
  await clock.advance(200)
  alarm.set(200, 300)
  await clock.advance(200)
  alarm.set(400, 450)
  await clock.advance(200)
  expect(at).toEqual([300, 450])
})

test("of a longer wait a second is slept, and a look that is soon is good for what comes later", async () => {
  const { clock, alarm, at } = rung()
  alarm.set(0, 8_000)
  await clock.advance(500)
  alarm.set(500, 9_000)
  await clock.advance(10_000)
  expect(at).toEqual([1_000])
})
