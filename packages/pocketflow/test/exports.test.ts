import { expect, it } from "vitest"
import { kits } from "./kit.ts"

it("exports the classes of pocketflow, and nothing else", () => {
  const names = ["BaseNode", "BatchFlow", "BatchNode", "Flow", "Node", "ParallelBatchFlow", "ParallelBatchNode"]
  expect(Object.keys(kits.ours).toSorted()).toEqual(names)
  expect(Object.keys(kits.theirs).filter((name) => names.includes(name))).toHaveLength(names.length)
})

it("has every method that theirs has", () => {
  for (const [name, theirs] of Object.entries(kits.theirs)) {
    if (typeof theirs !== "function") continue
    const methods = Object.getOwnPropertyNames(theirs.prototype)
    const ours = (kits.ours as unknown as Record<string, { prototype: object }>)[name]!.prototype
    expect(methods.filter((method) => !(method in ours))).toEqual([])
  }
})
