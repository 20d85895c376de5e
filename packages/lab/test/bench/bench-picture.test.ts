import { readFileSync } from "node:fs"
import path from "node:path"
import { expect, it } from "vitest"
import { binsOf, drawRuns } from "../../bench/picture/draw-runs.ts"
import type { PictureFigures } from "../../bench/picture/run-figures.ts"

const folder = path.resolve(import.meta.dirname, "../../../../docs/benchmarks")
const read = (file: string): string => readFileSync(path.join(folder, file), "utf8")

it("counts by second what had been counted by then", () => {
  const timeline = [
    { atMs: 250, tokens: 10, refused: 0 },
    { atMs: 1000, tokens: 30, refused: 1 },
    { atMs: 3001, tokens: 35, refused: 4 },
  ]
  expect(binsOf(timeline)).toEqual([
    { tokens: 30, refused: 1 },
    { tokens: 0, refused: 0 },
    { tokens: 0, refused: 0 },
    { tokens: 5, refused: 3 },
  ])
})

it("the README's picture is drawn from the figures beside it", () => {
  const figures = JSON.parse(read("run.json")) as PictureFigures
  expect(read("run.svg")).toBe(drawRuns(figures))
  expect(figures.runs.map(({ name }) => name)).toEqual(["sluice", "openai + p-limit(50)", "openai + Bottleneck"])
})

it("says what each run came to", () => {
  const timeline = [{ atMs: 900, tokens: 500, refused: 2 }]
  const run = { calls: 9, answered: 9, refused: 2, timeMs: 1234, timeline }
  const svg = drawRuns({
    scenario: "any",
    title: "a < b",
    machine: "",
    tokensPerSecond: 1000,
    oracleMs: 1000,
    runs: [
      { ...run, name: "one" },
      { ...run, name: "two", answered: 4 },
    ],
  })
  expect(svg).toContain(">1.2 s, 2 refused, none lost<")
  expect(svg).toContain(">1.2 s, 2 refused, 5 of 9 lost<")
  expect(svg).toContain("a &lt; b")
})
