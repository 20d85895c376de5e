import { unlessLate } from "@sluice/core/internal"
import { expect, it } from "vitest"
import { VirtualTime } from "./support/virtual-time.ts"

const late = (): Error => new Error("too late")

it("an answer in time, and a failure, come as they are and leave no timer", async () => {
  const time = new VirtualTime()
  expect(await unlessLate(time, 1_000, Promise.resolve(7), late)).toBe(7)
  await expect(unlessLate(time, 1_000, Promise.reject(new Error("no")), late)).rejects.toThrow("no")
  expect([time.now(), time.pendingTimers]).toEqual([0, 0])
})

it("what does not come rejects with what is made of it, when its time is over", async () => {
  const time = new VirtualTime()
  await expect(time.until(unlessLate(time, 1_000, new Promise(() => {}), late))).rejects.toThrow("too late")
  expect([time.now(), time.pendingTimers]).toEqual([1_000, 0])
})
