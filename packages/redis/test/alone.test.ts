import { describe, expect, test } from "vitest"
import { Alone } from "../src/alone.ts"
import type { KeptLimit } from "../src/wire/turn.ts"

const ask = { cost: { requests: 1 }, place: false }
const bucket: KeptLimit = {
  id: "requests/60000",
  nm: "requestsPerMinute",
  d: 1,
  w: 60_000,
  kd: "bucket",
  lim: 1_200,
  b: 40,
}

function alone(limit: KeptLimit, gateMs = 0): Alone {
  return new Alone(0, { share: 0.5, limits: [limit], places: -1, gateMs })
}

/** Calls that start at once. */
function startsAt(quota: Alone, nowMs: number): number {
  let calls = 0
  for (; quota.block(nowMs, ask, 0) === undefined; calls++) quota.take(nowMs, ask)
  return calls
}

describe("a process that cannot reach the others", () => {
  test("has its share of the rate and of the depth, from nothing on", () => {
    const quota = alone(bucket)
    expect([0, 1_000, 60_000].map((nowMs) => startsAt(quota, nowMs))).toEqual([0, 10, 20])
  })

  test("keeps the gate that was closed, and saves nothing up behind it", () => {
    const quota = alone(bucket, 30_000)
    expect(quota.block(0, ask, 0)).toEqual({ by: "gate", dimension: "requests", ms: 30_000 })
    expect([29_999, 30_000, 31_000].map((nowMs) => startsAt(quota, nowMs))).toEqual([0, 0, 10])
  })

  test("stops for as long as a refusal says, or a second, and begins from nothing again", () => {
    const quota = alone(bucket)
    expect(startsAt(quota, 1_000)).toBe(10)
    quota.refused(2_000)
    expect(quota.block(2_000, ask, 0)).toMatchObject({ by: "gate", ms: 1_000 })
    expect([3_000, 3_500].map((nowMs) => startsAt(quota, nowMs))).toEqual([0, 5])
    quota.refused(4_000, 20_000)
    quota.refused(4_100, 500)
    expect([23_999, 25_000].map((nowMs) => startsAt(quota, nowMs))).toEqual([0, 10])
  })

  test("fills a window evenly, as nobody knows what was used of it before", () => {
    const quota = alone({ ...bucket, kd: "sliding" })
    expect([10_000, 10_050, 10_100].map((nowMs) => startsAt(quota, nowMs))).toEqual([1, 0, 1])
  })

  test("tells what it started by the second", () => {
    const quota = alone(bucket)
    for (const nowMs of [1_000, 1_500, 2_100]) startsAt(quota, nowMs)
    expect(quota.started).toEqual([
      { atMs: 1_000, amounts: [15, 0, 0, 0] },
      { atMs: 2_100, amounts: [6, 0, 0, 0] },
    ])
    expect(quota.calls).toBe(21)
  })
})
