import { expect, test } from "vitest"
import { overheadText, type RunFacts } from "../bench/overhead/overhead-text.ts"
import type { Figures, Results } from "../bench/overhead/results.ts"

const facts: RunFacts = {
  command: "pnpm bench:overhead",
  machine: "2026-11-24, a machine",
  isBusy: false,
  rounds: 3,
  largeRounds: 1,
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
  took("heavy one", [1], [1], { manyMemory: undefined }),
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
})

test("says what memory is measured under", () => {
  expect(overheadText([items], facts)).toContain("Its young generation is held at 4 MB")
})

test("a busy machine is said before any figure, and only then", () => {
  expect(overheadText([items], facts)).not.toContain("Other work ran")
  expect(overheadText([items], { ...facts, isBusy: true }).split("\n")[2]).toContain("Other work ran")
})
