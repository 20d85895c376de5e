import { expect, test } from "vitest"
import { PaceClock } from "../src/run/pace-clock.ts"

test("a pace's clock stands still in each pause, also for what was before it", () => {
  const pace = new PaceClock()
  pace.hear("resume", 5)
  expect(pace.of(10)).toBe(10)
  pace.hear("pause", 10)
  pace.hear("pause", 15)
  pace.hear("update", 16)
  pace.hear("retry-failed", 17)
  expect([9, 10, 20].map((atMs) => pace.of(atMs))).toEqual([9, 10, 10])
  pace.hear("resume", 30)
  pace.hear("resume", 35)
  expect([9, 20, 31].map((atMs) => pace.of(atMs))).toEqual([9, 10, 11])
  for (const [at, action] of ["drain", "stop"].entries()) {
    pace.hear("pause", 40 + at * 10)
    pace.hear(action, 45 + at * 10)
  }
  expect(pace.of(60)).toBe(30)
})
