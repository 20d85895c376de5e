import fc from "fast-check"
import { expect, it } from "vitest"
import { retryBudget } from "../../src/item/retry-budget.ts"

it("never lets retries exceed the reserve plus the share of first attempts", () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 500 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 20 }),
      (calls, share, reserve) => {
        const budget = retryBudget({ share, reserve })
        let first = 0
        let retries = 0
        for (const isFirst of calls) {
          if (isFirst) {
            budget.earn()
            first++
          } else if (budget.trySpend()) retries++
        }
        return retries <= reserve + share * first + 1e-6
      },
    ),
  )
})

it("saves no more than the reserve in quiet times", () => {
  const budget = retryBudget({ share: 1, reserve: 3 })
  for (let i = 0; i < 1_000; i++) budget.earn()
  expect([1, 2, 3, 4].map(() => budget.trySpend())).toEqual([true, true, true, false])
})

it("refuses what cannot be", () => {
  expect(() => retryBudget({ share: -1 })).toThrow("retryBudget: share must be a number from 0 up (got -1).")
  expect(() => retryBudget({ reserve: 0 })).toThrow("retryBudget: reserve must be a number from 1 up (got 0).")
})
