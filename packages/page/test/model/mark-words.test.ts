import { readFileSync } from "node:fs"
import path from "node:path"
import type { SluiceEvent } from "@sluice/core"
import { expect, test } from "vitest"
import { MarkList } from "../../src/chart/mark-list.ts"

const limits = readFileSync(path.join(import.meta.dirname, "../../../../docs/limits.md"), "utf8")

function marksOf(...events: readonly object[]): { readonly text: string; readonly count: number }[] {
  const list = new MarkList((atMs) => atMs)
  for (const event of events) list.hear({ quota: "q", atMs: 0, ...event } as Extract<SluiceEvent, { type: "throttle" }>)
  return list.all.map(({ text, count }) => ({ text, count }))
}

const step = (from: number, to: number, reason: string, atMs = 0, quota = "q"): object => ({
  type: "limit-change",
  dimension: "concurrency",
  from,
  to,
  reason,
  atMs,
  quota,
})

test("many steps of a limit are one change, from where it began to where it is", () => {
  const steps = Array.from({ length: 56 }, (_, n) => step(65 + n, 66 + n, "slow start", n * 200))
  expect(marksOf(...steps)).toEqual([{ text: "concurrency: 65 → 121 in 56 steps (slow start).", count: 1 }])
  expect(marksOf(step(6, 5, "refused at 5 in flight"), step(5, 4, "refused above 4"))).toEqual([
    { text: "concurrency: 6 → 4 in 2 steps (refused above 4).", count: 1 },
  ])
})

test("a change in the other direction, for another reason, of another quota or after a pause is another one", () => {
  const said = marksOf(
    step(5, 6, "slow start"),
    step(6, 5, "refused at 5 in flight"),
    step(5, 6, "clean round"),
    step(6, 7, "2 clean rounds"),
    step(7, 8, "slow start"),
    step(20, 21, "slow start", 0, "another"),
    step(8, 9, "slow start", 5_000),
  )
  expect(said.map(({ text }) => text.replace("concurrency: ", ""))).toEqual([
    "5 → 6 (slow start).",
    "6 → 5 (refused at 5 in flight).",
    "5 → 7 in 2 steps (2 clean rounds).",
    "7 → 8 (slow start).",
    "20 → 21 (slow start).",
    "8 → 9 (slow start).",
  ])
})

test("every cause that docs/limits.md knows is said in words that need no table", () => {
  const table = limits.slice(limits.indexOf("| `cause` |")).split("\n\n")[0]!
  const rows = table.split("\n").slice(2)
  const causes = rows.flatMap((row) => [...row.split("|")[1]!.matchAll(/`([^`]+)`/g)].map(([, cause]) => cause!))
  expect(causes).toContain("same-event")
  expect(causes.length).toBeGreaterThan(14)
  for (const cause of causes) {
    const [mark] = marksOf({ type: "throttle", reason: "rate", cause, observed: "something" })
    expect(mark!.text).toMatch(/^The vendor refused: too fast\. [A-Z][^.]*\.( Seen from: something\.)?$/)
    expect(mark!.text).not.toContain("Taken for")
  }
  expect(marksOf({ type: "throttle", reason: "rate", cause: "same-event", observed: "it left before" })[0]!.text).toBe(
    "The vendor refused: too fast. This call had left before the first refusal was known: nothing more changes.",
  )
})
