import { describe, expect, it } from "vitest"
import { BucketDepth } from "../../src/limits/bucket-depth.ts"

describe("the depth of a bucket", () => {
  it("is the whole limit until something narrows it, and what was told where that is less", () => {
    const depth = new BucketDepth(undefined)
    expect([depth.isNarrow, depth.of(600)]).toEqual([false, 600])
    depth.narrowTo(10)
    expect([depth.isNarrow, depth.of(600), depth.of(5)]).toEqual([true, 10, 5])
    expect(new BucketDepth(50).of(600)).toBe(50)
  })

  it("is halved by refusals down to what a call needs, or a sixteenth of a second's worth", () => {
    const depth = new BucketDepth(undefined)
    expect(depth.halve(1, 10, true, 5), "not narrow yet").toBe(false)
    depth.narrowTo(10)
    const depths: number[] = []
    while (depth.halve(1, 10, true, 500)) depths.push(depth.of(600))
    expect(depths).toEqual([5, 2.5, 1.25, 1])
  })

  it("is halved without a contradiction only after hardly more than itself, and never where it was told", () => {
    const depth = new BucketDepth(undefined)
    depth.narrowTo(10)
    expect(depth.halve(1, 10, false, 21)).toBe(false)
    expect(depth.halve(1, 10, false, 20)).toBe(true)
    expect(new BucketDepth(10).halve(1, 10, false, 5)).toBe(false)
    expect(new BucketDepth(10).halve(1, 10, true, 5), "the vendor's word wins").toBe(true)
  })

  it("is no more than was seen where more was refused, until more is seen", () => {
    const depth = new BucketDepth(undefined)
    depth.saw(400)
    for (let i = 0; i < 2; i++) depth.refusedBeyond(3, 1, 0.01)
    expect(depth.of(600), "a deep bucket may have been empty").toBe(600)
    depth.refusedBeyond(3, 1, 0.01)
    expect(depth.of(600)).toBe(4)
    depth.saw(2)
    expect(depth.of(600)).toBe(4)
    depth.saw(30)
    expect([depth.of(600), depth.isNarrow]).toEqual([31, false])
  })
})
