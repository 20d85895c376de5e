import type { SluiceEvent } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import { expect, test } from "vitest"
import { timelineOf } from "../../src/items/timeline.ts"
import { RunModel } from "../../src/model/run-model.ts"
import type { Timeline } from "../../src/wire.ts"

type Span = readonly [fromMs: number, toMs: number]

/** The timeline at two minutes of items that were told: what each call and wait took, in milliseconds of the run. */
function timeline(items: readonly { calls: readonly Span[]; wait?: Span }[]): Timeline {
  const clock = new VirtualClock()
  const model = new RunModel({
    title: "",
    clock,
    total: () => undefined,
    actions: () => [],
    loading: () => false,
  })
  const startMs = clock.now()
  for (const [index, { calls, wait }] of items.entries()) {
    const tell = (atMs: number, event: object): void =>
      model.hear({ runId: "r", node: "n", spanId: index + 1, index, ...event, atMs: startMs + atMs } as SluiceEvent)
    tell(wait?.[0] ?? calls[0]?.[0] ?? 0, { type: "item-start" })
    if (wait) {
      const waited = { waitedMs: wait[1] - wait[0], blockedBy: "concurrency" }
      tell(wait[1], { type: "permit-admit", quota: "q", cost: {}, inFlight: 1, ...waited })
    }
    for (const [at, [fromMs, toMs]] of calls.entries()) {
      const isLast = at === calls.length - 1
      const how = isLast ? { decision: "ok", status: 200 } : { decision: "retry", status: 503, error: "overloaded" }
      const times = { startMs: startMs + fromMs, durationMs: toMs - fromMs, attempt: at + 1 }
      const delay = isLast ? {} : { delayMs: calls[at + 1]![0] - toMs }
      tell(toMs, { type: "http-attempt", ...times, ...how, ...delay })
    }
    tell(calls.at(-1)?.[1] ?? 0, { type: "item-end", status: "ok", attempts: 1 })
  }
  return timelineOf(model.traces, model.columns, 120_000, {})
}

const told = ({ critical }: Timeline): unknown[] =>
  critical.map(({ node, index, kind, fromMs, toMs }) => [`${node} ${index}`, kind, fromMs, toMs])

test("what the last minute hung on: the last call, before it the one whose end let it begin, the newest last", () => {
  // One place: 0, 1 and 2 after each other. Item 3 was over long before the end, and nothing began with its end.
  const view = timeline([
    { calls: [[100_000, 104_000]] },
    { calls: [[104_000, 109_000]], wait: [100_000, 104_000] },
    { calls: [[109_000, 119_000]], wait: [100_000, 109_000] },
    { calls: [[100_000, 101_000]] },
  ])
  expect(told(view)).toEqual([
    ["n 0", "call", 100_000, 104_000],
    ["n 1", "wait", 100_000, 104_000],
    ["n 1", "call", 104_000, 109_000],
    ["n 2", "wait", 100_000, 109_000],
    ["n 2", "call", 109_000, 119_000],
  ])
  expect(view.lastMinute).toEqual({
    items: 4,
    parts: [
      { name: "the vendor's answers", ms: 20_000 },
      { name: "waiting for concurrency", ms: 13_000 },
    ],
  })
})

test("a call that was tried again is on it with its backoff; what ended before the last minute began is not", () => {
  const view = timeline([
    { calls: [[10_000, 50_000]] },
    {
      calls: [
        [70_000, 80_000],
        [85_000, 119_000],
      ],
    },
  ])
  expect(told(view)).toEqual([
    ["n 1", "call", 70_000, 80_000],
    ["n 1", "backoff", 80_000, 85_000],
    ["n 1", "call", 85_000, 119_000],
  ])
  expect(view.lastMinute.items).toBe(1)
})

test("an item that only holds others is no part of it, and without calls there is none", () => {
  expect(told(timeline([{ calls: [] }]))).toEqual([])
})
