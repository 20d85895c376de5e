import type { Permit } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { keyed } from "../../src/limiters/keyed.ts"
import { semaphore } from "../../src/limiters/semaphore.ts"

describe("keyed", () => {
  it("keeps a limiter for each key, made once", async () => {
    const made: string[] = []
    const perHost = keyed((host) => (made.push(host), semaphore({ limit: 1 })))
    const a = perHost.tryAdmit({}, { tenant: "a" })!
    expect(perHost.tryAdmit({}, { tenant: "a" })).toBeUndefined()
    const b = await perHost.of("b").admit()
    a.settle({ outcome: "success" })
    ;(await perHost.of("a").admit()).settle({ outcome: "success" })
    b.settle({ outcome: "success" })
    expect(made).toEqual(["a", "b"])
  })

  it("forgets what was idle for long, and tells", async () => {
    const clock = new VirtualClock()
    const forgotten: string[] = []
    const options = { idleMs: 1_000, clock, onForget: (key: string) => forgotten.push(key) }
    const perTenant = keyed(() => semaphore({ limit: 1 }), options)
    for (const key of ["a", "b"]) (await perTenant.admit({}, { tenant: key })).settle({ outcome: "success" })
    await clock.advance(999)
    ;(await perTenant.admit({}, { tenant: "b" })).settle({ outcome: "success" })
    expect(perTenant.size).toBe(2)
    await clock.advance(1)
    ;(await perTenant.admit({}, { tenant: "c" })).settle({ outcome: "success" })
    expect(forgotten).toEqual(["a"])
    expect(perTenant.size).toBe(2)
    expect(clock.pending).toBe(0)
  })

  it("forgets nothing that is in use: a permit out, or a call that waits", async () => {
    const clock = new VirtualClock()
    const perTenant = keyed(() => semaphore({ limit: 1 }), { idleMs: 10, clock })
    const permit = perTenant.tryAdmit({}, { tenant: "a" })!
    const waiting = perTenant.admit({}, { tenant: "a" })
    await clock.advance(10_000)
    expect(perTenant.tryAdmit({}, { tenant: "a" })).toBeUndefined()
    permit.settle({ outcome: "success" })
    permit.settle({ outcome: "success" })
    await clock.advance(10_000)
    expect(perTenant.tryAdmit({}, { tenant: "a" })).toBeUndefined()
    ;(await waiting).settle({ outcome: "success" })
    await clock.advance(10_000)
    perTenant.tryAdmit({}, { tenant: "b" })
    expect(perTenant.size).toBe(1)
  })

  it("a call that is refused or fails is no use", async () => {
    const clock = new VirtualClock()
    const broken = new Error("no such tenant")
    const perTenant = keyed(() => ({ admit: () => Promise.reject(broken), tryAdmit: () => undefined }), {
      idleMs: 0,
      clock,
    })
    await expect(perTenant.admit({}, { tenant: "a" })).rejects.toBe(broken)
    expect(perTenant.tryAdmit({}, { tenant: "b" })).toBeUndefined()
    perTenant.tryAdmit({}, { tenant: "c" })
    expect(perTenant.size).toBe(1)
  })

  it("never has more out per key than one limiter allows, whatever is forgotten in between", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.nat(30), fc.nat(60)), { maxLength: 60 }),
        async (calls) => {
          const clock = new VirtualClock()
          const perKey = keyed(() => semaphore({ limit: 1 }), { idleMs: 20, clock })
          const out = new Map<string, Permit>()
          for (const [key, waitMs, holdMs] of calls) {
            await clock.advance(waitMs)
            const permit = perKey.tryAdmit({}, { tenant: key })
            expect(permit === undefined).toBe(out.has(key))
            if (!permit) continue
            out.set(key, permit)
            clock.setTimer(holdMs, () => {
              out.delete(key)
              permit.settle({ outcome: "success" })
            })
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  it("refuses an idle time that cannot be", () => {
    expect(() => keyed(() => semaphore({ limit: 1 }), { idleMs: -1 })).toThrow("keyed: idleMs must be a number")
  })
})
