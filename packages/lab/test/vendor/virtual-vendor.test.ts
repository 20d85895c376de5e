import { describe, expect, it } from "vitest"
import { createVirtualVendor, VirtualClock, type VirtualVendorOptions, type VirtualVendor } from "../../src/index.ts"

const call = { inputTokens: 100, outputTokens: 50 }

function setUp(options: Omit<VirtualVendorOptions, "clock"> = {}): { clock: VirtualClock; vendor: VirtualVendor } {
  const clock = new VirtualClock()
  return { clock, vendor: createVirtualVendor({ clock, ...options }) }
}

describe("the virtual vendor", () => {
  it("answers after the network, the model, and the network again", async () => {
    const { clock, vendor } = setUp({ limits: { requests: 500 }, latency: { baseMs: 300, perOutputTokenMs: 10 } })
    expect(await clock.run(vendor.call(call))).toEqual({
      status: 200,
      limits: [{ dimension: "requests", limit: 500, remaining: 499, resetMs: 120 }],
      usage: { inputTokens: 100, outputTokens: 50 },
      totalMs: 840,
      firstTokenMs: 340,
      travelMs: 40,
    })
    expect(clock.pending).toBe(0)
  })

  it("refuses as fast as the network, in words a quota takes", async () => {
    const { clock, vendor } = setUp({ limits: { tokens: 120 }, headers: "none" })
    const both = Promise.all([vendor.call(call), vendor.call(call)])
    expect((await clock.run(both))[1]).toMatchObject({
      status: 429,
      totalMs: 40,
      retryAfterMs: 40_000,
      refusal: {
        reason: "rate",
        dimension: "tokens",
        message: expect.stringContaining("Limit 120, Used 100, Requested 100"),
      },
    })
  })

  it.each([
    ["error503", { status: 503, refusal: { reason: "overloaded" } }],
    ["error529", { status: 529, refusal: { reason: "overloaded" } }],
    ["error500", { status: 500 }],
    ["billing", { status: 429, refusal: { reason: "billing" } }],
    ["keyRefused", { status: 401 }],
  ] as const)("%s", async (kind, expected) => {
    const { clock, vendor } = setUp({ faults: { rates: { [kind]: 1 } } })
    expect(await clock.run(vendor.call(call))).toMatchObject(expected)
    expect(clock.pending).toBe(0)
  })

  it.each(["reset", "outage", "truncate"] as const)("%s rejects as a torn connection does", async (kind) => {
    const { clock, vendor } = setUp({ faults: { rates: { [kind]: 1 } } })
    await expect(clock.run(vendor.call(call))).rejects.toMatchObject({ code: "ECONNRESET" })
    expect(vendor.truth()).toMatchObject({ answered: 0, inFlight: 0 })
  })

  it("refuses options that make no sense, by name", () => {
    const clock = new VirtualClock()
    const misspelt = { clock, latency: { perTokenMs: 3 } } as VirtualVendorOptions
    expect(() => createVirtualVendor(misspelt)).toThrow(
      'createVirtualVendor: unknown option "latency.perTokenMs". Known: baseMs',
    )
  })

  it("hangs until the caller gives up", async () => {
    const { clock, vendor } = setUp({ faults: { rates: { hang: 1 } } })
    const controller = new AbortController()
    clock.setTimer(30_000, () => controller.abort(new Error("enough")))
    await expect(clock.run(vendor.call({ ...call, signal: controller.signal }))).rejects.toThrow("enough")
    expect([clock.now(), clock.pending, vendor.truth().inFlight]).toEqual([30_000, 0, 0])
  })

  it.each([0, 10, 500, 830])("is cancelled at %d ms without a trace", async (afterMs) => {
    const { clock, vendor } = setUp({})
    const controller = new AbortController()
    const reason = new Error("cancelled")
    if (afterMs === 0) controller.abort(reason)
    else clock.setTimer(afterMs, () => controller.abort(reason))
    await expect(clock.run(vendor.call({ ...call, signal: controller.signal }))).rejects.toBe(reason)
    // An answer under way when the client left has been produced and paid for.
    expect(vendor.truth()).toMatchObject({ inFlight: 0, answered: afterMs === 830 ? 1 : 0 })
    expect(clock.pending).toBe(0)
  })

  it("gives the same trace for the same seed", async () => {
    const trace = async (seed: number): Promise<string[]> => {
      const { clock, vendor } = setUp({
        seed,
        limits: { requests: { limit: 600, burst: 5 } },
        faults: { rates: { error500: 0.1, reset: 0.1 } },
        latency: { heavyTail: 0.5 },
        coTenants: [{ requestsPerMinute: 100 }],
        networkJitterMs: 10,
      })
      const lines: string[] = []
      const one = async (id: number): Promise<void> => {
        await new Promise<void>((resolve) => clock.setTimer(id * 100, resolve))
        const line = await vendor.call({ ...call, id: `item-${id}` }).then(({ status }) => String(status), String)
        lines.push(`${clock.now()} ${id} ${line}`)
      }
      await clock.run(Promise.all(Array.from({ length: 200 }, (_, id) => one(id))))
      return lines
    }
    const first = await trace(1)
    expect(await trace(1)).toEqual(first)
    expect(await trace(2)).not.toEqual(first)
  })

  it("passes an hour of traffic, 36,000 calls", async () => {
    const { clock, vendor } = setUp({ limits: { requests: 600, tokens: 200_000 }, seed: 3 })
    const one = async (id: number): Promise<number> => {
      await new Promise<void>((resolve) => clock.setTimer(id * 100, resolve))
      return (await vendor.call({ ...call, id: String(id) })).status
    }
    const statuses = await clock.run(Promise.all(Array.from({ length: 36_000 }, (_, id) => one(id))))
    expect(statuses.every((status) => status === 200)).toBe(true)
    expect(Math.round(clock.now() / 1000)).toBe(3601)
  })
})
