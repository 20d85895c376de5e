import { describe, expect, it } from "vitest"
import { amountOf } from "../../src/limits/budget.ts"
import { ConcurrencyLimit } from "../../src/limits/concurrency-limit.ts"
import { Reservoir } from "../../src/limits/reservoir.ts"

describe("a reservoir", () => {
  it("never refills", () => {
    const rows = [
      { time: 0, cost: 3, ok: true },
      { time: 0, cost: 2.01, ok: false },
      { time: 1, cost: 2, ok: true },
      { time: 86_400_000 * 365, cost: 0.01, ok: false },
      { time: 86_400_000 * 365, cost: 0, ok: true },
    ]
    const budget = new Reservoir("budgetUsd", "usd", 5)
    const played = rows.map(({ time, cost }) => {
      const ok = budget.msUntil(time, cost) === 0
      if (ok) budget.take(time, cost)
      return { time, cost, ok }
    })
    expect(played).toEqual(rows)
    expect(budget.msUntil(0, 1)).toBe(Infinity)
  })

  it("takes back what was not used, and owes what was used beyond", () => {
    const budget = new Reservoir("budgetUsd", "usd", 5)
    budget.take(0, 5)
    budget.give(0, 4)
    expect(budget.level()).toBe(4)
    budget.give(0, -6)
    expect(budget.level()).toBe(-2)
    expect(budget.msUntil(0, 0.01)).toBe(Infinity)
  })

  it("spends tenths of a cent to the last one", () => {
    const budget = new Reservoir("budgetUsd", "usd", 1)
    for (let i = 0; i < 1_000; i++) {
      expect(budget.msUntil(0, 0.001)).toBe(0)
      budget.take(0, 0.001)
    }
    expect(budget.msUntil(0, 0.001)).toBe(Infinity)
  })

  it("is raised by a retune, with what was spent still spent", () => {
    const budget = new Reservoir("budgetUsd", "usd", 5)
    budget.take(0, 5)
    budget.retune(7)
    expect([budget.level(), budget.largest()]).toEqual([2, 7])
  })
})

describe("a concurrency limit", () => {
  it("counts what runs; lowering it stops nothing", () => {
    const slots = new ConcurrencyLimit(2)
    slots.take()
    slots.take()
    expect(slots.msUntil()).toBe(Infinity)
    slots.retune(1)
    expect([slots.running, slots.level()]).toEqual([2, -1])
    slots.give()
    expect(slots.msUntil()).toBe(Infinity)
    slots.give()
    expect(slots.msUntil()).toBe(0)
  })
})

describe("the amount of a cost", () => {
  const rows = [
    ["requests", {}, 1],
    ["requests", { requests: 0 }, 0],
    ["requests", { requests: 3, inputTokens: 9 }, 3],
    ["tokens", { inputTokens: 9, outputTokens: 4 }, 13],
    ["tokens", {}, 0],
    ["inputTokens", { inputTokens: 9, outputTokens: 4 }, 9],
    ["outputTokens", { inputTokens: 9, outputTokens: 4 }, 4],
    ["usd", { usd: 0.25 }, 0.25],
    ["usd", { inputTokens: 9 }, 0],
    ["concurrency", { requests: 0 }, 1],
  ] as const
  for (const [dimension, cost, amount] of rows) {
    it(`${dimension} of ${JSON.stringify(cost)} is ${amount}`, () => {
      expect(amountOf(cost, dimension)).toBe(amount)
    })
  }
})
