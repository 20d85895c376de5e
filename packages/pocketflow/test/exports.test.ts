import { expect, it } from "vitest"
import { kits } from "./kit.ts"

it("exports the classes of pocketflow, also under Python's names, and nothing else", () => {
  const names = ["BaseNode", "BatchFlow", "BatchNode", "Flow", "Node", "ParallelBatchFlow", "ParallelBatchNode"]
  const asynchronous = names.slice(1).map((name) => `Async${name}`)
  expect(Object.keys(kits.ours).toSorted()).toEqual([...asynchronous, ...names].toSorted())
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
