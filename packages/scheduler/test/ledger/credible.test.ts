import type { LimitReading, Settlement } from "@sluice/core"
import { describe, expect, it } from "vitest"
import { credible } from "../../src/ledger/credible.ts"

const requests = { dimension: "requests", limit: 60 } as const
const success = (...limits: LimitReading[]): Settlement => ({ outcome: "success", limits })

// What answers say, and whether it can be.
const table: readonly (readonly [name: string, reading: LimitReading, holds: boolean])[] = [
  ["some is left", { ...requests, remaining: 59, resetMs: 1_000 }, true],
  ["all is left, and it is full", { ...requests, remaining: 60, resetMs: 0 }, true],
  [
    "all is left, full within what rounding up to seconds makes of a moment",
    { ...requests, remaining: 60, resetMs: 1_000 },
    true,
  ],
  ["all is left, no reset named", { ...requests, remaining: 60 }, true],
  ["nothing is left of nothing", { ...requests, limit: 0, remaining: 0, resetMs: 60_000 }, true],
  ["all is left, and it is full again in half a minute", { ...requests, remaining: 60, resetMs: 30_000 }, false],
]

describe("what answers say of a limit", () => {
  it.each(table)("%s", (_name, reading, holds) => {
    const end = success(reading)
    if (holds) expect(credible(end)).toBe(end)
    else expect(credible(end)).toEqual(success({ ...requests, remaining: 60 }))
  })

  it("leaves what else an answer says, and ends that say nothing of limits", () => {
    const full = { ...requests, remaining: 60, resetMs: 30_000 }
    const tokens = { dimension: "tokens", limit: 1_000, remaining: 400, resetMs: 36_000 } as const
    expect(credible(success(full, tokens))).toEqual(success({ ...requests, remaining: 60 }, tokens))
    const failed: Settlement = { outcome: "failed" }
    expect(credible(failed)).toBe(failed)
  })
})
