import { expect, test } from "vitest"
import type { Measure } from "../../bench/overhead/contestant.ts"
import { measured } from "../../bench/overhead/measured.ts"
import { overheadText, type RunFacts } from "../../bench/overhead/overhead-text.ts"
import { inOwnProcess, type Order } from "../../bench/overhead/own-process.ts"
import type { Figures, Memory, Results, Taken } from "../../bench/overhead/results.ts"

const facts: RunFacts = {
  command: "pnpm bench:overhead",
  machine: "2026-11-24, a machine",
  isBusy: false,
  rounds: 3,
  versions: ["p-limit 7"],
}

/** A contestant that took so many µs an item at every round, with few items and with many. */
const took = (
  name: string,
  fewUs: readonly number[],
  manyUs: readonly number[],
  rest: Partial<Figures> = {},
): Figures => {
  const rounds = (cpuUs: number): { cpuUs: number; wallUs: number } => ({ cpuUs, wallUs: cpuUs })
  const memory = { peakMegabytes: 200, grownMegabytes: 5 }
  return { name, few: fewUs.map(rounds), many: manyUs.map(rounds), fewMemory: memory, manyMemory: memory, ...rest }
}

const table = (title: string, figures: readonly Figures[]): Results => ({
  title,
  what: "An item is nothing.",
  few: 10_000,
  many: 1_000_000,
  figures,
})

const items = table("Many items", [
  took("bare loop", [0.1, 0.1, 0.2], [0.1]),
  took("sluice parallelMap under a quota", [3], [1.5]),
  took("sluice batch, streamed", [2, 4, 3], [0.8], { manyMemory: { peakMegabytes: 270, grownMegabytes: 66 } }),
  took("p-limit, fed by pulling loops", [1], [1.5]),
  took("p-map (keeps all results)", [1], [0.9]),
  took("slow one", [400], [], { most: 1_000 }),
  took("broken one", [], [], { failure: "did 3 of 10 | items" }),
  took("heavy one", [1], [1], { manyMemory: "died" }),
  took("timed one", [1], [1], { fewMemory: undefined, manyMemory: undefined }),
])
const admission = table("Admission that nobody contends for", [
  took("bare await", [0.1], [0.1]),
  took("sluice quota, admit + settle", [2], [0.75]),
])

const lineOf = (text: string, begin: string): string | undefined =>
  text.split("\n").find((line) => line.startsWith(`| ${begin}`))

test("says of each target what was reached: kept, missed and by how much, or not measured", () => {
  const text = overheadText([items, admission], facts)
  expect(lineOf(text, "admit and settle")).toBe(
    "| admit and settle over four dimensions | 0.50 µs | 0.75 µs | **missed** by 50 % |",
  )
  expect(lineOf(text, "an item of `parallelMap`")).toMatch(/\| 1\.50 µs \| 1\.50 µs \| kept \|$/)
  expect(lineOf(text, "an item of a batch")).toMatch(/\| 0\.90 µs \| 0\.80 µs \| kept \|$/)
  expect(lineOf(text, "memory of a streamed batch")).toMatch(/\| 30 MB \| 61 MB \| \*\*missed\*\* by 104 % \|$/)
  expect(lineOf(text, "a node of a long chain")).toMatch(/\| – \| – \| not measured \|$/)
})

test("a line for everybody: medians with their spread, growth, memory, and who failed or may not have so many", () => {
  const text = overheadText([items], facts)
  expect(lineOf(text, "**sluice batch, streamed**")).toBe(
    "| **sluice batch, streamed** | 3.00 [2.00–4.00] | 30 × | 500,000 | 0.80 [0.80–0.80] | 0.27 × | 200 → 270 MB (+66) |",
  )
  expect(lineOf(text, "slow one")).toBe(
    "| slow one — 1,000 items only | 400 [400–400] | 4000 × | 2,500 | (7 min if it grows no worse) | – | 200 MB (+5) |",
  )
  expect(lineOf(text, "broken one")).toBe("| broken one | failed: did 3 of 10   items | – | – | – | – | – |")
  expect(lineOf(text, "heavy one")).toMatch(/its process died \|$/)
  expect(lineOf(text, "timed one")).toMatch(/1\.00 × \| – \|$/)
})

test("says what memory is measured under", () => {
  expect(overheadText([items], facts)).toContain("Its young generation is held at 4 MB")
})

test("a busy machine is said before any figure, and only then", () => {
  expect(overheadText([items], facts)).not.toContain("Other work ran")
  expect(overheadText([items], { ...facts, isBusy: true }).split("\n")[2]).toContain("Other work ran")
})

const nothing = (name: string, most?: number): Measure["contestants"][number] => ({
  name,
  ...(most !== undefined && { most }),
  prepare: (items) => async () => items,
})
const three: Measure = {
  title: "Three",
  what: "",
  contestants: [nothing("bare"), nothing("slow", 3), nothing("broken")],
}
const extent = { few: 10, many: 100, rounds: 2, hasMemory: true }

test("contestants take turns, a process for each round; memory is measured in others; who fails is not asked again", async () => {
  const orders: Order[] = []
  const ask = async (order: Order): Promise<readonly Taken[] & Memory> => {
    orders.push(order)
    if (order.name === "broken") throw new Error("did 9 of 10")
    const taken = order.of === "times" ? order.items.map((items) => ({ cpuUs: items, wallUs: items })) : []
    return Object.assign(taken, { peakMegabytes: 1, grownMegabytes: 0 })
  }
  const { figures } = await measured(three, extent, ask)
  expect(orders.map(({ of, name, items }) => `${of} ${name} ${items}`)).toEqual([
    "times bare 10,100",
    "times slow 3",
    "times broken 10,100",
    "times bare 10,100",
    "times slow 3",
    "memory bare 10",
    "memory bare 100",
    "memory slow 3",
    "memory slow 3",
    "memory broken 10",
    "memory broken 100",
  ])
  expect(figures.map(({ few, many }) => [few, many].map((all) => all.map(({ cpuUs }) => cpuUs)))).toEqual([
    [
      [10, 10],
      [100, 100],
    ],
    [[3, 3], []],
    [[], []],
  ])
  expect(figures.map(({ manyMemory, failure }) => [manyMemory === "died", failure])).toEqual([
    [false, undefined],
    [false, undefined],
    [true, "did 9 of 10"],
  ])
})

test("nobody's memory is measured where that is not asked for", async () => {
  const ask = async ({ of }: Order): Promise<readonly Taken[] & Memory> => {
    expect(of).toBe("times")
    return Object.assign([], { peakMegabytes: 1, grownMegabytes: 0 })
  }
  const { figures } = await measured(three, { ...extent, hasMemory: false }, ask)
  expect(figures.map(({ fewMemory, manyMemory }) => fewMemory ?? manyMemory)).toEqual([undefined, undefined, undefined])
})

test("a process of its own answers what a contestant took, or what stopped it", async () => {
  const named = { title: "Admission that nobody contends for", name: "bare await" }
  const taken = await inOwnProcess({ of: "times", ...named, items: [10, 20] })
  expect(taken).toHaveLength(2)
  expect(taken.every(({ cpuUs, wallUs }) => cpuUs >= 0 && wallUs > 0)).toBe(true)
  const unknown = inOwnProcess({ of: "memory", title: named.title, name: "nobody", items: 10 })
  await expect(unknown).rejects.toThrow("nobody is called nobody")
}, 60_000)
