import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { IndexedHeap } from "../../src/queue/indexed-heap.ts"

interface Item {
  rank: number
  heapIndex: number
}

const item = (rank: number): Item => ({ rank, heapIndex: -1 })
const heap = (): IndexedHeap<Item> => new IndexedHeap((a, b) => a.rank < b.rank)

describe("an indexed heap", () => {
  it("is empty, then has one, then is empty", () => {
    const one = heap()
    expect([one.first(), one.size]).toEqual([undefined, 0])
    const only = item(1)
    one.push(only)
    expect([one.first(), one.size, only.heapIndex]).toEqual([only, 1, 0])
    one.remove(only)
    expect([one.first(), one.size, only.heapIndex]).toEqual([undefined, 0, -1])
    one.remove(only)
    expect(one.size).toBe(0)
  })

  it("has the least first, and knows every place, after any pushes, moves and removals", () => {
    const action = fc.record({
      kind: fc.constantFrom("push", "push", "move", "remove", "pop"),
      pick: fc.nat(),
      rank: fc.integer({ min: 0, max: 20 }),
    })
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
        const subject = heap()
        const model: Item[] = []
        for (const { kind, pick, rank } of actions) {
          const chosen = model[pick % Math.max(1, model.length)]
          if (kind === "push") {
            const added = item(rank)
            model.push(added)
            subject.push(added)
          } else if (chosen && kind === "move") {
            chosen.rank = rank
            subject.moved(chosen)
          } else if (chosen) {
            const leaving = kind === "pop" ? subject.first()! : chosen
            subject.remove(leaving)
            model.splice(model.indexOf(leaving), 1)
            expect(leaving.heapIndex).toBe(-1)
          }
          expect(subject.size).toBe(model.length)
          expect(subject.first()?.rank).toBe(model.length ? Math.min(...model.map((one) => one.rank)) : undefined)
          const places = [...subject]
          for (const one of model) expect(places[one.heapIndex]).toBe(one)
        }
      }),
    )
  })
})
