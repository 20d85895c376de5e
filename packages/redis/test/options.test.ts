import { expect, test } from "vitest"
import { sharedQuotas } from "../src/index.ts"

// It has no method of a client: what is wrong with the rest is said first.
const redis = {} as never

test("a misspelt option is named with the nearest", () => {
  expect(() => sharedQuotas({ redis, whenUnreachible: "fail" } as never)).toThrow(
    'sharedQuotas: unknown option "whenUnreachible". Did you mean "whenUnreachable"?',
  )
  expect(() => sharedQuotas({ redis, whenUnreachable: { forMS: 5 } } as never)).toThrow(
    'sharedQuotas: unknown option "whenUnreachable.forMS". Did you mean "forMs"?',
  )
  expect(() => sharedQuotas({ redis, secret: "" })).toThrow("sharedQuotas: secret must be")
})
