import { expect, test } from "vitest"
import { MeanInFlight } from "../../src/chart/mean-in-flight.ts"

test("calls that follow one another in a place are one call at a time, wherever the moments' borders lie", () => {
  const flights = new MeanInFlight(10)
  const places = 30
  for (let place = 0; place < places; place++) {
    // Each call takes 0.8 of a moment, the next begins at once.
    let from = place / places
    while (from + 0.8 < 10) flights.add(from, (from += 0.8))
  }
  const means = flights.means()
  expect(Math.max(...means)).toBe(places)
  for (const mean of means.slice(1, 8)) expect(mean).toBe(places)
})

test("a call of half a moment is half a call; one over several fills those between", () => {
  const flights = new MeanInFlight(5)
  flights.add(0.25, 0.75)
  flights.add(1.5, 4.25)
  expect(flights.means()).toEqual([0.5, 0.5, 1, 1, 0.3])
})
