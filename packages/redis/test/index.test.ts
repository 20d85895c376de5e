import * as redis from "@sluice/redis"
import { SluiceError } from "@sluice/core"
import { describe, expect, it, test } from "vitest"
import { sharedQuotas } from "../src/shared-quotas.ts"

test("the list of exports is the API", () => {
  expect(Object.keys(redis).toSorted()).toEqual(["readQuotas", "setSharedLimits", "sharedQuotas"])
})

describe("options are checked at once", () => {
  const client = { status: "end", duplicate: () => client, disconnect: () => {}, on: () => {}, connect: async () => {} }
  it.each([
    [{ redis: {} }, "redis must be a client"],
    [{ redis: client, whenUnreachable: { share: 2 } }, "whenUnreachable.share must be a number from 0 to 1, got 2"],
    [{ redis: client, whenUnreachable: { forMs: -1 } }, "whenUnreachable.forMs must be milliseconds"],
  ])("%#", (options, message) => {
    expect(() => sharedQuotas(options as never)).toThrow(SluiceError)
    expect(() => sharedQuotas(options as never)).toThrow(message)
  })
})
