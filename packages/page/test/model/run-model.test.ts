import type { SluiceEvent } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import { expect, test } from "vitest"
import { RunModel } from "../../src/model/run-model.ts"
import type { PageState } from "../../src/wire.ts"

interface Opened {
  readonly model: RunModel
  readonly clock: VirtualClock
  readonly tell: (event: object) => void
  /** So many items are done, one every so many milliseconds. */
  readonly settle: (count: number, everyMs: number) => Promise<void>
}

function opened(total?: number): Opened {
  const clock = new VirtualClock()
  const model = new RunModel({ title: "a run", clock, total: () => total, actions: () => [], loading: () => false })
  const tell = (event: object): void => model.hear({ atMs: clock.now(), runId: "r", ...event } as SluiceEvent)
  const settle = async (count: number, everyMs: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      tell({ type: "item-start", node: "n", index, spanId: index })
      tell({ type: "item-end", node: "n", index, status: "ok", attempts: 1, spanId: index })
      await clock.advance(everyMs)
    }
  }
  return { model, clock, tell, settle }
}

const quota = "q"

test("calls that wait are counted by what they wait for, until they are let in or leave", () => {
  const { model, tell } = opened()
  const wait = (spanId: number, blockedBy: string): void =>
    tell({ type: "permit-wait", quota, blockedBy, spanId, waiting: 1 })
  for (const spanId of [1, 2, 3]) wait(spanId, "requestsPerMinute")
  wait(4, "gate")
  const reasons = (): PageState["waiting"] => model.state().waiting
  expect(reasons()).toEqual([
    { reason: "requests per minute", calls: 3 },
    { reason: "the gate to open", calls: 1 },
  ])
  tell({ type: "permit-admit", quota, cost: {}, inFlight: 1, waitedMs: 5, blockedBy: "requestsPerMinute", spanId: 1 })
  tell({ type: "permit-leave", quota, waitedMs: 5, blockedBy: "gate", spanId: 4 })
  expect(reasons()).toEqual([{ reason: "requests per minute", calls: 2 }])
  // A wait that began before anybody listened is not missing later.
  tell({ type: "permit-leave", quota, waitedMs: 5, blockedBy: "tokensPerMinute", spanId: 9 })
  wait(10, "tokensPerMinute")
  expect(reasons()).toContainEqual({ reason: "tokens per minute", calls: 1 })
})

test("an item's numbers: tries, waits and what its calls took; what failed has its code, what was cut counts as cut", () => {
  const { model, clock, tell } = opened(3)
  const item = (index: number, status: string, finish?: string, error?: object): void => {
    const spanId = index + 1
    tell({ type: "item-start", node: "n", index, spanId })
    tell({ type: "permit-admit", quota, cost: {}, inFlight: 1, waitedMs: 40, blockedBy: "gate", spanId })
    const [startMs, at] = [clock.now(), clock.now()]
    tell({
      type: "http-attempt",
      attempt: 1,
      decision: "retry",
      status: 429,
      startMs,
      durationMs: 10,
      delayMs: 5,
      spanId,
    })
    tell({ type: "http-attempt", attempt: 2, decision: "ok", status: 200, startMs: at, durationMs: 10, spanId })
    tell({ type: "usage", cost: { inputTokens: 10, outputTokens: 2, usd: 0.5 }, spanId })
    tell({ type: "call-end", startMs, finishReasons: finish === undefined ? [] : [finish], spanId })
    tell({ type: "permit-settle", quota, inFlight: 0, heldMs: 25, spanId })
    tell({ type: "item-end", node: "n", index, status, attempts: 1, error, spanId })
  }
  item(0, "ok", "stop")
  item(1, "ok", "length")
  item(2, "failed", undefined, Object.assign(new Error("no"), { code: "timeout" }))
  const { columns } = model
  expect([columns.attempts[0], columns.waitMs[0], columns.latencyMs[0]]).toEqual([2, 40, 25])
  expect([columns.finish(0), columns.finish(1), columns.finish(2)]).toEqual(["stop", "length", "timeout"])
  expect(model.state()).toMatchObject({
    items: { ok: 2, failed: 1, inFlight: 0, retried: 3, cut: 1 },
    calls: { sent: 6, retried: 3 },
    tokens: { input: 30, output: 6 },
    usd: { spent: 1.5 },
  })
})

test("usage that the run and the fetch both tell counts once", () => {
  const { model, tell } = opened()
  const cost = { inputTokens: 10, outputTokens: 2, usd: 0.5 }
  tell({ type: "usage", cost, spanId: 1 })
  tell({ type: "usage", cost })
  tell({ type: "usage", cost: { ...cost } })
  expect(model.state()).toMatchObject({ tokens: { input: 20, output: 4 }, usd: { spent: 1 } })
})

test("time left: by the pace, with a range around it; nothing while paused or over", async () => {
  const { model, tell, settle } = opened(100)
  await settle(40, 1_000)
  const { eta, perMinute } = model.state()
  expect(perMinute).toBeCloseTo(60, -1)
  expect(eta!.ms).toBeGreaterThan(50_000)
  expect(eta!.ms).toBeLessThan(70_000)
  expect(eta!.lowMs).toBeLessThanOrEqual(eta!.ms)
  expect(eta!.highMs).toBeGreaterThanOrEqual(eta!.ms)
  tell({ type: "control", action: "pause", by: "anna, page" })
  expect(model.state()).toMatchObject({ status: "paused" })
  expect(model.state().eta).toBeUndefined()
  tell({ type: "control", action: "resume", by: "anna, page" })
  expect(model.state().eta).toBeDefined()
  model.end("ok")
  expect(model.state().eta).toBeUndefined()
})

test("a pause is no part of the pace: time left and its range are after it as they were before", async () => {
  const { model, clock, tell, settle } = opened(1_280)
  await settle(120, 100)
  const before = model.state()
  tell({ type: "control", action: "pause", by: "anna, page" })
  await clock.advance(20_000)
  expect(model.state()).toMatchObject({ status: "paused", perMinute: 0 })
  tell({ type: "control", action: "resume", by: "anna, page" })
  const after = model.state()
  expect([after.eta, after.perMinute]).toEqual([before.eta, before.perMinute])
  // 1,160 at ten a second.
  expect(after.eta!.ms).toBeGreaterThan(100_000)
  expect(after.eta!.ms).toBeLessThan(135_000)
})

test("marks say in words what the vendor said and what changed for it; the same again is one mark with a count", async () => {
  const { model, clock, tell } = opened()
  const refusal = { type: "throttle", quota, reason: "rate", dimension: "tokensPerMinute", retryAfterMs: 20_000 }
  for (let times = 0; times < 3; times++) tell(refusal)
  tell({ type: "gate-close", quota, untilMs: clock.now() + 20_000, reason: "throttled" })
  tell({ type: "limit-change", quota, dimension: "tokensPerMinute", from: 90_000, to: 60_000, reason: "refused" })
  await clock.advance(7_000)
  tell({ type: "gate-open", quota })
  tell({ type: "control", action: "update", by: "anna, page", changes: { requestsPerMinute: 300 } })
  expect(model.marks.all.map(({ kind, text, count }) => [kind, text, count])).toEqual([
    ["refused", 'The vendor refused: too fast, tokens per minute, "again in 20 s".', 3],
    ["gate", "All calls wait 20 s: the vendor refused calls.", 1],
    ["limit", "tokens per minute: 90,000 → 60,000 (refused).", 1],
    ["control", "Changed: requests per minute 300 (anna, page).", 1],
  ])
  // The band ends when the gate opened, not when it was meant to.
  const band = model.marks.all.find(({ kind }) => kind === "gate")!
  expect(band.untilMs! - band.atMs).toBe(7_000)
  expect(model.marks.changes()).toHaveLength(4)
  expect(model.marks.changes()).toEqual([])
})

test("a gate that closes for no time at all lets one go ahead; one that is held closed for longer says for how long", async () => {
  const { model, clock, tell } = opened()
  const close = (forMs: number): void =>
    tell({ type: "gate-close", quota, untilMs: clock.now() + forMs, reason: "throttled" })
  const said = (): string[] => model.marks.all.map(({ text }) => text)
  close(0)
  expect(said()).toEqual(["All calls wait for one that goes ahead: the vendor refused calls."])
  await clock.advance(2_000)
  close(30_000)
  expect(said()).toEqual(["All calls wait 32 s: the vendor refused calls."])
  tell({ type: "gate-open", quota })
  close(40)
  expect(said().at(-1)).toBe("All calls wait 40 ms: the vendor refused calls.")
})

test("an item that makes two calls at once keeps both waits; one that was let in at once is no step", async () => {
  const { model, clock, tell } = opened(1)
  const span = { spanId: 1, quota }
  const admit = (waitedMs: number): void =>
    tell({ type: "permit-admit", cost: {}, inFlight: 1, waitedMs, blockedBy: "gate", ...span })
  tell({ type: "item-start", node: "n", index: 0, ...span })
  for (let call = 0; call < 3; call++) tell({ type: "permit-wait", blockedBy: "gate", waiting: 1, ...span })
  admit(0)
  await clock.advance(40)
  admit(40)
  await clock.advance(20)
  admit(60)
  const steps = model.traces.of(0)?.steps.map(({ kind, fromMs, toMs, reason }) => ({ kind, fromMs, toMs, reason }))
  const wait = { kind: "wait", fromMs: 0, reason: "the gate to open" }
  expect(steps?.toSorted((a, b) => a.toMs! - b.toMs!)).toEqual([
    { ...wait, toMs: 40 },
    { ...wait, toMs: 60 },
  ])
  expect(model.traces.of(0)?.waitMs).toBe(100)
})
