import { describe, expect, it, vi } from "vitest"
import { LaneCapacity } from "../../src/vendor-batch/engine/lane-capacity.ts"
import { onlineMs } from "../../src/vendor-batch/engine/online-ms.ts"
import { outcomesOf, setUpLane, texts, valuesOf, vendorNames } from "../lane-setup.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const hour = 3_600_000

describe.each(vendorNames)("%s: a batch in lane { deadlineMs }", (name) => {
  it("takes the vendor's batch while there is time", async () => {
    const setup = await setUpLane()
    expect(valuesOf(await outcomesOf(setup, setup.ask[name], texts(20), { deadlineMs: 2 * hour }))).toEqual(texts(20))
    expect(setup.vendor.stats()).toMatchObject({ arrived: 0, batches: { jobs: 1, answered: 20 } })
  })

  it("goes online at once when a batch would not be worth it", async () => {
    const setup = await setUpLane()
    expect(valuesOf(await outcomesOf(setup, setup.ask[name], texts(20), { deadlineMs: 300_000 }))).toEqual(texts(20))
    expect(setup.vendor.stats()).toMatchObject({ answered: 20, batches: { jobs: 0 } })
  })

  it("cancels a batch that takes too long, and sends what it has not done online", async () => {
    const setup = await setUpLane({ batch: { processingMs: 2_000_000 } }, { vendorBatches: { leastBatchMs: 1_000 } })
    const outcomes = await outcomesOf(setup, setup.ask[name], texts(20), { deadlineMs: 1_200_000 })
    expect(valuesOf(outcomes)).toEqual(texts(20))
    const { batches, answered } = setup.vendor.stats()
    expect(batches.jobs).toBe(1)
    // Gemini gives nothing of a cancelled batch back; the others give what is done.
    if (name === "gemini") expect(answered).toBe(20)
    else expect([answered > 0, batches.answered > 0, answered + batches.answered]).toEqual([true, true, 20])
    expect(setup.events.filter((event) => event.type === "vendor-batch").map(({ state }) => state)).toContain(
      "cancelled",
    )
  })
})

describe("how long an online run takes", () => {
  const limit = { name: "tokensPerMinute", dimension: "tokens", limit: 60_000, level: 10_000, windowMs: 60_000 }
  const quota = { name: "q", inFlight: 0, waiting: 0, gate: { state: "open" as const }, limits: [limit] }

  it("is decided by the tightest rate, less what is there already", () => {
    const work = { requests: 100, inputTokens: 30_000, outputTokens: 10_000 }
    expect(onlineMs(work, quota)).toBe(30_000 * 1.25 + 60_000)
    const requests = { name: "requestsPerMinute", dimension: "requests", limit: 10, level: 0, windowMs: 60_000 }
    expect(onlineMs(work, { ...quota, limits: [limit, requests] })).toBe(600_000 * 1.25 + 60_000)
    expect(onlineMs(work, { ...quota, limits: [{ ...limit, effective: 30_000 }] })).toBe(60_000 * 1.25 + 60_000)
  })

  it("waits for a closed gate, and assumes little of a quota that says nothing", () => {
    const work = { requests: 100, inputTokens: 0, outputTokens: 0 }
    const gate = { state: "closed" as const, reopensInMs: 5_000 }
    expect(onlineMs(work, { ...quota, gate })).toBe(65_000)
    expect(onlineMs(work, undefined)).toBe(100 * 200 * 1.25 + 60_000)
  })
})

describe("the room in a lane", () => {
  const never = [new AbortController().signal]

  it("is taken in order, by count and by tokens", async () => {
    const capacity = new LaneCapacity(3, 100)
    const leave = capacity.tryEnter(90)!
    expect(capacity.tryEnter(20)).toBeUndefined()
    const entered: string[] = []
    const large = capacity.enter(60, undefined, never).then((out) => (entered.push("large"), out))
    const small = capacity.enter(10, undefined, never).then((out) => (entered.push("small"), out))
    expect(capacity.tryEnter(1)).toBeUndefined()
    leave()
    leave()
    await Promise.all([large, small])
    expect(entered).toEqual(["large", "small"])
    expect(capacity.tryEnter(40)).toBeUndefined()
    expect(capacity.tryEnter(30)).toBeDefined()
    expect(capacity.tryEnter(0)).toBeUndefined()
  })

  it("is given alone to what exceeds it, and shrinks when the vendor refuses", async () => {
    const capacity = new LaneCapacity(10, 100)
    const leave = capacity.tryEnter(500)!
    expect(capacity.tryEnter(1)).toBeUndefined()
    leave()
    capacity.refused(60)
    capacity.tryEnter(20)
    expect(capacity.tryEnter(11)).toBeUndefined()
    expect(capacity.tryEnter(10)).toBeDefined()
  })

  it("loses nothing when one that waits gives up", async () => {
    const capacity = new LaneCapacity(1, 100)
    const leave = capacity.tryEnter(1)!
    const controller = new AbortController()
    const gone = capacity.enter(1, undefined, [controller.signal])
    const next = capacity.enter(1, undefined, never)
    controller.abort("enough")
    await expect(gone).rejects.toBe("enough")
    leave()
    expect(await next).toBeTypeOf("function")
  })
})
