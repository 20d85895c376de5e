import { currentLane, define, type Lane, type LaneScope, SluiceError } from "@sluice/core"
import { describe, expect, it } from "vitest"
import { MemoryJournal } from "../support/memory-journal.ts"

const { batch, pipeline, step, flow } = define<{ seen?: unknown[] }>()

/** A batch of one item that tells the lane around it. */
const tells = (lane: Lane | undefined, seen: (LaneScope | undefined)[], name = "tells") =>
  batch({
    name,
    ...(lane === undefined ? {} : { lane }),
    prep: () => [1],
    exec: async (item: number) => {
      await Promise.resolve()
      seen.push(currentLane())
      return item
    },
  })

describe("the lane of a batch", () => {
  it("is found by the code of its items, and by nobody else", async () => {
    const seen: (LaneScope | undefined)[] = []
    const node = batch({
      name: "outer",
      lane: { deadlineMs: 1000 },
      prep: () => (seen.push(currentLane()), [1, 2]),
      exec: async () => {
        await Promise.resolve()
        seen.push(currentLane())
      },
      post: () => void seen.push(currentLane()),
    })
    await node.run({})
    expect(seen.map((scope) => scope?.lane)).toEqual([undefined, { deadlineMs: 1000 }, { deadlineMs: 1000 }, undefined])
    expect(seen[1]).toBe(seen[2])
  })

  it("is found in every attempt, and each visit has its own", async () => {
    const seen: (LaneScope | undefined)[] = []
    let visits = 0
    const node = batch({
      name: "again",
      lane: "batch",
      retry: { maxAttempts: 2, backoff: { initialMs: 0 } },
      prep: () => [1],
      exec: async (_item: number, { attempt }) => {
        await Promise.resolve()
        seen.push(currentLane())
        if (attempt === 1) throw new Error("once more")
      },
      post: () => (++visits < 2 ? "loop" : "done"),
    })
    await flow({ name: "twice", nodes: { node }, start: "node", edges: { node: { loop: "node" } } }).run(
      {},
      { journal: new MemoryJournal() },
    )
    expect(seen).toHaveLength(4)
    expect(seen[0]).toBe(seen[1])
    expect(seen[2]).not.toBe(seen[1])
    expect(seen[2]!.record).not.toBe(seen[1]!.record)
  })

  it("keeps notes in the run's journal, where that keeps notes", async () => {
    const seen: (LaneScope | undefined)[] = []
    const journal = new MemoryJournal()
    await tells("batch", seen, "without").run({}, { journal })
    journal.notes = new Map()
    await tells("batch", seen, "with").run({}, { journal })
    const [without, withNotes] = seen
    expect(without!.notes).toBeUndefined()
    await withNotes!.notes!.putNote(withNotes!.record, ["batch_1"])
    expect(await withNotes!.notes!.note(withNotes!.record)).toEqual(["batch_1"])
    expect([...journal.notes.keys()].filter((name) => !name.startsWith("work "))).toHaveLength(1)
  })

  it("belongs to one version of its node", async () => {
    const seen: (LaneScope | undefined)[] = []
    const versioned = (version: string) =>
      batch({ name: "same", version, lane: "batch", prep: () => [1], exec: () => void seen.push(currentLane()) })
    await versioned("1").run({})
    await versioned("2").run({})
    expect(seen[0]!.record).not.toBe(seen[1]!.record)
  })

  it("holds for what runs inside, until a batch inside says otherwise", async () => {
    const seen: (LaneScope | undefined)[] = []
    const outer = batch({
      name: "outer",
      lane: "batch",
      prep: () => [1],
      exec: async () => {
        await tells(undefined, seen).run({})
        await tells("online", seen).run({})
        await tells({ deadlineMs: 5 }, seen).run({})
      },
    })
    await outer.run({})
    expect(seen.map((scope) => scope?.lane)).toEqual(["batch", undefined, { deadlineMs: 5 }])
  })

  it("belongs to one stage of a pipeline", async () => {
    const seen: (LaneScope | undefined)[] = []
    const second = batch({
      name: "second",
      exec: async (item: number) => void (await Promise.resolve(), seen.push(currentLane()), item),
    })
    await pipeline([tells("batch", seen, "first"), second]).run({})
    expect(seen.map((scope) => scope?.lane)).toEqual(["batch", undefined])
  })

  it("ends once every item has: finished, unless the run was cancelled", async () => {
    const told: unknown[] = []
    const controller = new AbortController()
    const node = batch({
      name: "ends",
      lane: "batch",
      onError: "collect",
      prep: () => [1],
      exec: async () => {
        currentLane()?.atEnd(async (finished) => void told.push(finished))
        if (told.length > 0) controller.abort(new Error("enough"))
      },
    })
    await node.run({})
    await expect(node.run({}, { signal: controller.signal })).rejects.toThrow("enough")
    expect(told).toEqual([true, false])
  })

  it("is part of the graph, and checked at construction", () => {
    expect(tells("batch", []).toJSON()).toMatchObject({ options: { lane: "batch" } })
    for (const lane of ["fast", { deadlineMs: 0 }, {}, null] as unknown as Lane[]) {
      expect(() => tells(lane, [])).toThrow(SluiceError)
      expect(() => tells(lane, [])).toThrow(/lane/)
    }
    expect(() => step({ name: "plain" })).not.toThrow()
  })
})
