import fc from "fast-check"
import { expect, it } from "vitest"
import { ReorderWindow } from "../../src/map/reorder-window.ts"

it("gives out 0, 1, 2, … whatever order they come in, and counts what is ready", () => {
  fc.assert(
    fc.property(
      fc
        .integer({ min: 0, max: 200 })
        .chain((count) =>
          fc.tuple(
            fc.shuffledSubarray([...Array(count).keys()], { minLength: count }),
            fc.array(fc.nat(5), { minLength: count, maxLength: count }),
          ),
        ),
      ([arrivals, takes]) => {
        const window = new ReorderWindow<{ readonly position: number }>()
        const arrived = new Set<number>()
        const out: number[] = []
        const take = (): boolean => {
          const value = window.take()
          if (value) out.push(value.position)
          return value !== undefined
        }
        arrivals.forEach((position, step) => {
          window.put(position, { position })
          arrived.add(position)
          let ready = 0
          while (arrived.has(out.length + ready)) ready++
          expect(window.ready).toBe(ready)
          for (let i = 0; i < takes[step]!; i++) take()
          expect(window.taken).toBe(out.length)
        })
        while (take());
        expect(out).toEqual([...arrivals.keys()])
      },
    ),
  )
})
