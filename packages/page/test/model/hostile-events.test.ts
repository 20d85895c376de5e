import type { Clock, SluiceEvent } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import { expect, test } from "vitest"
import { ItemColumns } from "../../src/items/item-columns.ts"
import { ItemList } from "../../src/items/item-list.ts"
import { RowIndex } from "../../src/items/row-index.ts"
import type { TextSource } from "../../src/items/text-source.ts"
import { RunModel } from "../../src/model/run-model.ts"

function opened(startWallMs?: number): { model: RunModel; clock: VirtualClock; tell: (event: object) => void } {
  const clock = new VirtualClock()
  const options = { title: "a run", clock, total: () => undefined, actions: () => [], loading: () => false }
  const model = new RunModel(options, startWallMs)
  return { model, clock, tell: (event) => model.hear({ atMs: clock.now(), runId: "r", ...event } as SluiceEvent) }
}

test("a hundred thousand different failures: the first have their words, the others are others, and nothing is thrown into the run", () => {
  const columns = new ItemColumns()
  const count = 100_000
  for (let index = 0; index < count; index++) {
    const row = columns.add("n", index)
    columns.setFinish(row, `no such thing: ${index}`)
    columns.setStatus(row, "failed")
  }
  expect(columns.finish(0)).toBe("no such thing: 0")
  expect(columns.finish(count - 1)).toBe("others")
  expect(columns.counts).toEqual([0, 0, count, 0])
  // A node that is first seen then is one of the others too, and what was known stays known.
  expect(columns.node(columns.add("late", 0))).toBe("others")
  expect(columns.node(columns.add("n", count))).toBe("n")
})

test("the row of a failed item has what it failed with, also where no journal has it; where one has it, the journal's words", () => {
  const columns = new ItemColumns()
  const [failed, ok] = [columns.add("n", 0), columns.add("n", 1)]
  for (const [row, status, finish] of [
    [failed, "failed", "overloaded"],
    [ok, "ok", "stop"],
  ] as const) {
    columns.setFinish(row, finish)
    columns.setStatus(row, status)
  }
  const told = new ItemList(
    columns,
    new RowIndex(),
    () => undefined,
    () => 0,
  )
  expect([failed, ok].map((row) => told.row(row).output)).toEqual(["overloaded", undefined])
  const journal = { preview: () => ({ output: "503: overloaded, three times" }) } as unknown as TextSource
  expect(
    new ItemList(
      columns,
      new RowIndex(),
      () => journal,
      () => 0,
    ).row(failed).output,
  ).toBe("503: overloaded, three times")
})

test("an answer's end of a megabyte keeps its beginning", () => {
  const columns = new ItemColumns()
  const row = columns.add("n", 0)
  columns.setFinish(row, "x".repeat(2 ** 20))
  expect(columns.finish(row)?.length).toBe(61)
})

test("whatever was thrown has words: a circle, a number too big for JSON, nothing, an error without a message", () => {
  const { model, tell } = opened()
  const circle: { self?: unknown } = {}
  circle.self = circle
  const thrown: readonly unknown[] = [
    circle,
    { big: 1n },
    null,
    () => 1,
    Object.create(null),
    new Error(""),
    Symbol("s"),
  ]
  for (const [index, error] of thrown.entries()) {
    tell({ type: "item-start", node: "n", index, spanId: index + 1 })
    const call = { attempt: 1, decision: "fail", error, startMs: 0, durationMs: 1, spanId: index + 1 }
    tell({ type: "http-attempt", ...call })
    tell({ type: "item-end", node: "n", index, status: "failed", attempts: 1, error, spanId: index + 1 })
  }
  expect(model.columns.counts).toEqual([0, 0, thrown.length, 0])
  for (let row = 0; row < thrown.length; row++) expect(model.columns.finish(row)).toMatch(/./u)
  expect(() => JSON.stringify([...model.traces.all()])).not.toThrow()
})

test("ten thousand refusals keep the latest five hundred marks", () => {
  const { model, clock, tell } = opened()
  for (let n = 0; n < 10_000; n++)
    tell({ type: "throttle", atMs: clock.now() + n * 10_000, quota: "q", reason: "rate", dimension: "requests" })
  expect(model.marks.all).toHaveLength(500)
  expect(model.marks.all.at(-1)!.atMs).toBe(9_999 * 10_000)
  expect(model.marks.changes()).toHaveLength(500)
})

test("a machine that slept, and one whose clock was set: the rate of a run that is read from its journal is that of its items, by the wall's clock", () => {
  const virtual = new VirtualClock()
  let sleptMs = 0
  const clock: Clock = {
    now: () => virtual.now(),
    wallNow: () => virtual.wallNow() + sleptMs,
    setTimer: (ms, fire) => virtual.setTimer(ms, fire),
  }
  const options = { title: "a run", clock, total: () => undefined, actions: () => [], loading: () => false }
  const model = new RunModel(options, clock.wallNow() - 60_000)
  expect(model.now()).toBe(60_000)
  // Only the wall's clock goes on meanwhile.
  sleptMs = 3_600_000
  const nowMs = 60_000 + sleptMs
  const settled = Array.from({ length: 60 }, (_, second) => nowMs - second * 1_000)
  model.take({ settled: 60, calls: 60, inputTokens: 0, outputTokens: 0, usd: undefined }, settled.toReversed())
  const { perMinute, atMs, elapsedMs } = model.state()
  expect([atMs, elapsedMs]).toEqual([nowMs, nowMs])
  expect(perMinute).toBeGreaterThan(55)
  expect(perMinute).toBeLessThan(65)
  // Set back by half of it: what came stays, and is no burst.
  sleptMs /= 2
  expect(model.state().perMinute).toBeLessThan(65)
})

test("a failed item's error is kept whole beside the word of it in the table, also where no journal has it", () => {
  const { model, tell } = opened()
  const message = `The model does not know ${"what that is ".repeat(20)}`
  tell({ type: "item-start", node: "n", index: 0, spanId: 1 })
  tell({ type: "item-end", node: "n", index: 0, status: "failed", attempts: 1, error: new Error(message), spanId: 1 })
  expect(model.columns.finish(0)).toBe(`${message.slice(0, 60)}…`)
  expect(model.traces.of(0)?.error).toBe(message)
})
