import { plan, seededRandom, VirtualClock } from "@sluice/lab"
import { createQuota, parallelMap, type QuotaLimits, type QuotaSnapshot } from "@sluice/scheduler"
import { describe, expect, it } from "vitest"
import type { FrameState } from "../../src/display/frame-state.ts"
import { ProgressTally } from "../../src/display/progress-tally.ts"
import { formatDuration } from "../../src/display/quantities.ts"
import { quotaReading } from "../../src/display/quota-reading.ts"
import { renderFrame } from "../../src/display/render-frame.ts"
import { renderLine } from "../../src/display/render-line.ts"

interface Seen {
  readonly atMs: number
  readonly state: FrameState
  readonly snapshot: QuotaSnapshot
}

/** Runs items through a real quota, whose events and snapshots are all that the display has; looks at it every five seconds. */
async function watched(limits: QuotaLimits, count: number, size: { inputTokens: number; outputTokens: number }) {
  const clock = new VirtualClock({ settles: "promises" })
  const tally = new ProgressTally(0, "run")
  const quota = createQuota({
    ...limits,
    name: "lab/m",
    clock,
    onEvent: (event) => tally.observe(event),
  })
  const starts: number[] = []
  const seen: Seen[] = []
  const about = (index: number) => ({ atMs: clock.now(), runId: "r", spanId: index + 1, node: "run", index })
  const ask = async (index: number): Promise<void> => {
    tally.observe({ type: "item-start", ...about(index) })
    const permit = await quota.admit({ requests: 1, ...size })
    starts.push(clock.now())
    await new Promise<void>((resolve) => clock.setTimer(1_000, resolve))
    permit.settle({ outcome: "success" })
    tally.observe({ type: "usage", atMs: clock.now(), cost: { ...size } })
    tally.observe({ type: "item-end", ...about(index), status: "ok", attempts: 1 })
  }
  const items = Array.from({ length: count }, (_, index) => index)
  const random = seededRandom(1)
  const outcomes = parallelMap(items, ask, { concurrency: "auto", clock, random, order: "completion" })
  const look = (): void => {
    const snapshot = quota.snapshot()
    const frame = { title: "t", unit: "item", total: count, quotas: [quotaReading(snapshot)] }
    seen.push({ atMs: clock.now(), state: tally.state(clock.now(), frame), snapshot })
    clock.setTimer(5_000, look)
  }
  clock.setTimer(5_000, look)
  await clock.run(
    (async () => {
      for await (const _ of outcomes);
    })(),
  )
  return { tookMs: clock.now(), starts, seen }
}

const size = { inputTokens: 400, outputTokens: 100 }

describe("what a frame tells of a real quota", () => {
  it.each<[string, QuotaLimits]>([
    ["requests a minute", { requestsPerMinute: 6 }],
    ["tokens a minute", { tokensPerMinute: 3_000 }],
    ["a fixed minute", { requestsPerMinute: { limit: 3, kind: "fixed" } }],
  ])("the next call starts when the frame says it will: %s", async (_name, limits) => {
    const { starts, seen } = await watched(limits, 20, size)
    // What is due within a second is not worth a word.
    const waits = seen.filter(({ state }) => (state.waiting[0]?.nextInMs ?? 0) >= 1_000)
    expect(waits.length).toBeGreaterThan(5)
    for (const { atMs, state, snapshot } of waits) {
      const [waiting] = state.waiting
      expect(waiting?.nextInMs).toBe(snapshot.next?.inMs)
      const next = starts.find((startMs) => startMs > atMs)
      expect(next).toBeDefined()
      expect(Math.abs(next! - (atMs + waiting!.nextInMs!))).toBeLessThan(100)
      const said = `next call in ${formatDuration(waiting!.nextInMs!)}`
      expect(renderFrame(state, 200)).toContain(said)
      expect(renderLine(state)).toContain(said)
    }
  })

  it.each<[string, QuotaLimits, number]>([
    ["requests", { requestsPerMinute: 60 }, 600],
    ["tokens", { requestsPerMinute: 600, tokensPerMinute: 12_000 }, 800],
    ["output tokens", { inputTokensPerMinute: 60_000, outputTokensPerMinute: 3_000 }, 400],
    ["a fixed minute", { requestsPerMinute: { limit: 60, kind: "fixed" } }, 600],
    ["places", { concurrency: 4 }, 800],
  ])("the ETA and the plan of the same run agree, and the run takes so long: %s", async (_name, limits, count) => {
    const { tookMs, seen } = await watched(limits, count, size)
    const { online } = await plan({
      calls: { count, ...size },
      limits,
      latency: { baseMs: 1_000, perOutputTokenMs: 0 },
      networkMs: 0,
    })
    expect(tookMs / online.timeMs).toBeGreaterThan(0.9)
    expect(tookMs / online.timeMs).toBeLessThan(1.1)
    // What is promised in the first quarter of a minute rests on a handful of answers.
    const told = seen.filter(({ atMs, state }) => atMs >= 15_000 && state.succeeded < 0.95 * count)
    expect(told.length).toBeGreaterThan(10)
    const factors = told.map(({ atMs, state }) => (atMs + state.etaMs!) / online.timeMs)
    expect(Math.min(...factors)).toBeGreaterThan(0.8)
    expect(Math.max(...factors)).toBeLessThan(1.25)
    // The range holds what comes, and is narrow enough to say something.
    const ranges = told.map(({ atMs, state }) => ({ leftMs: tookMs - atMs, range: state.etaRangeMs! }))
    const held = ranges.filter(({ leftMs, range: [low, high] }) => low <= leftMs && leftMs <= high)
    expect(held.length / ranges.length).toBeGreaterThan(0.9)
    const widths = ranges.map(({ range: [low, high] }) => (high - low) / (high + low))
    expect(widths.toSorted((a, b) => a - b)[widths.length >> 1]).toBeLessThan(0.25)
  })
})
