import { inspect } from "node:util"
import { describe, expect, test } from "vitest"
import { define, ItemError } from "@sluice/core"

const { step, batch, batchFlow, flow } = define<object>()

/** A failure four items deep: a batch flow around a batch flow around a batch whose item runs a batch of its own. */
async function nestedError(): Promise<ItemError> {
  const inner = batch({
    name: "inner",
    prep: () => [1],
    exec: () => {
      throw new Error("the only cause")
    },
    retry: { maxAttempts: 3 },
  })
  const sub = flow({
    name: "sub",
    nodes: { start: step({ name: "start" }), inner },
    start: "start",
    edges: { start: { default: "inner" } },
  })
  const middle = batchFlow({ name: "middle", prep: () => [{ m: 1 }], flow: sub })
  const outer = batchFlow({ name: "outer", prep: () => [{ o: 1 }], flow: middle })
  const error: unknown = await outer.run({}).catch((caught: unknown) => caught)
  if (!ItemError.isInstance(error)) throw new Error("no ItemError")
  return error
}

describe("an ItemError that nobody catches", () => {
  test("prints its cause once, however deep it lies", async () => {
    const printed = inspect(await nestedError())
    expect(printed.match(/Error: the only cause/g)).toHaveLength(1)
    expect(printed.split("\n").length).toBeLessThan(60)
    expect(printed).toContain('Item 0 of "outer" failed after 1 attempt')
    expect(printed).toContain("code: 'item-failed'")
  })

  test("prints the attempts that failed in another way, each once", () => {
    const last = new Error("still busy")
    const error = new ItemError("node", {
      index: 1,
      attempts: 3,
      errors: [new Error("reset"), last, last],
      cause: last,
    })
    expect(inspect(error).match(/still busy/g)!.length).toBeLessThanOrEqual(3)
    expect(error.errors.map((each) => (each as Error).message)).toEqual(["reset", "still busy", "still busy"])
  })

  test("keeps what programs read", async () => {
    const error = await nestedError()
    expect(error).toMatchObject({ code: "item-failed", node: "outer", index: 0, key: undefined, attempts: 1 })
    expect(error.errors).toEqual([error.cause])
    const innermost = (error.cause as ItemError).cause as ItemError
    expect(innermost).toMatchObject({ node: "outer/middle/sub/inner", attempts: 3 })
    expect(innermost.errors).toHaveLength(3)
  })
})
