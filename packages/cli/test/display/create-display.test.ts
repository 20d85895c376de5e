import type { Clock, SluiceEvent } from "@sluice/core"
import xterm from "@xterm/headless"
import { Writable } from "node:stream"
import { describe, expect, it } from "vitest"
import { createDisplay } from "../../src/display/create-display.ts"
import type { DisplayOptions } from "../../src/display/create-display.ts"
import { ProgressTally } from "../../src/display/progress-tally.ts"
import type { QuotaReading } from "../../src/display/quota-reading.ts"
import { renderFrame } from "../../src/display/render-frame.ts"
import { renderLine } from "../../src/display/render-line.ts"

/** A clock for one timer chain: all that a display may use. */
function handClock(): Clock & { advance(ms: number): void; pending(): number } {
  let nowMs = 1_000
  const timers = new Map<() => void, number>()
  return {
    now: () => nowMs,
    wallNow: () => nowMs,
    setTimer(delayMs, fn) {
      const timer = (): void => fn()
      timers.set(timer, nowMs + delayMs)
      return () => timers.delete(timer)
    },
    advance(ms) {
      for (const endMs = nowMs + ms; ;) {
        const due = [...timers].filter(([, atMs]) => atMs <= endMs).toSorted((a, b) => a[1] - b[1])[0]
        if (!due) {
          nowMs = endMs
          return
        }
        timers.delete(due[0])
        nowMs = Math.max(nowMs, due[1])
        due[0]()
      }
    },
    pending: () => timers.size,
  }
}

/** A real terminal emulator behind a stream: what a person would see. */
function terminal(columns: number, rows = 24) {
  const emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: true })
  let raw = ""
  const stream = Object.assign(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        raw += chunk.toString()
        emulator.write(chunk)
        done()
      },
    }),
    { isTTY: true, columns, rows },
  )
  return {
    stream,
    raw: () => raw,
    resize: (width: number): void => {
      stream.columns = width
      emulator.resize(width, rows)
    },
    screen: async (): Promise<string[]> => {
      await new Promise<void>((done) => emulator.write("", done))
      const buffer = emulator.buffer.active
      const lines = Array.from({ length: buffer.length }, (_, y) => buffer.getLine(y)!.translateToString(true))
      return lines.slice(0, lines.findLastIndex((line) => line !== "") + 1)
    },
  }
}

function start(options: Partial<DisplayOptions> & Pick<DisplayOptions, "stream">) {
  const clock = handClock()
  const display = createDisplay({
    clock,
    title: "digest",
    unit: "document",
    node: "perFile",
    total: () => 4,
    ...options,
  })
  const observe = (event: Omit<SluiceEvent, "atMs"> & Record<string, unknown>): void =>
    display.observe({ atMs: clock.now(), runId: "r", spanId: 1, ...event } as SluiceEvent)
  const finish = (index: number, error?: Error): void => {
    observe({ type: "item-start", node: "perFile", index })
    observe(
      error
        ? { type: "item-end", node: "perFile", index, status: "failed", attempts: 1, error }
        : { type: "item-end", node: "perFile", index, status: "ok", attempts: 1 },
    )
  }
  return { clock, display, observe, finish }
}

describe("a display on a terminal", () => {
  it("draws at its tick, in place, and leaves the last frame", async () => {
    const { stream, screen } = terminal(60)
    const { clock, display, observe, finish } = start({ stream, color: false })
    clock.advance(0)
    observe({ type: "item-start", node: "digest/perFile", index: 0 })
    observe({ type: "item-start", node: "digest/perFile/summarise", index: 0 })
    observe({ type: "permit-admit", quota: "q", key: "", waitedMs: 0, inFlight: 1, cost: {} })
    observe({ type: "permit-wait", quota: "q", key: "", blockedBy: "tokens", waiting: 3 })
    clock.advance(1_000)
    expect(await screen()).toEqual([
      "digest  0:01",
      `${"░".repeat(36)}  0/4 documents done  0%`,
      "1 document and 1 call in flight, 0 failed",
      "3 calls waiting for tokens",
      "requests     12/min",
      "tokens        0/min",
    ])
    observe({ type: "item-end", node: "perFile", index: 0, status: "ok", attempts: 1 })
    for (const index of [1, 2]) finish(index)
    finish(3, new Error("no such model"))
    observe({ type: "permit-admit", quota: "q", key: "", waitedMs: 5, inFlight: 1, cost: {} })
    observe({ type: "permit-settle", quota: "q", outcome: "success", heldMs: 5, inFlight: 0 })
    display.stop()
    expect(await screen()).toEqual([
      "digest  0:01",
      `${"█".repeat(34)}  4/4 documents done  100%`,
      "0 documents and 0 calls in flight, 1 failed",
      "2 calls waiting for tokens",
      "requests     24/min",
      "tokens        0/min",
      "! perFile[3]: no such model",
    ])
    expect(clock.pending()).toBe(0)
  })

  it("follows the terminal's width", async () => {
    const { stream, resize, screen } = terminal(70)
    const { clock, display } = start({ stream, color: false })
    clock.advance(200)
    expect((await screen())[1]).toHaveLength(64)
    resize(120)
    clock.advance(200)
    resize(30)
    clock.advance(200)
    for (const line of (await screen()).slice(-5)) expect(line.length).toBeLessThanOrEqual(30)
    display.stop()
    expect((await screen()).at(-1)).toBe("tokens        0/min")
  })

  it("prints lines above the live part", async () => {
    const { stream, screen } = terminal(60)
    const { clock, display } = start({ stream, color: false })
    clock.advance(200)
    display.print("summarising 4 documents\u001b[2J")
    clock.advance(200)
    display.stop()
    expect((await screen()).slice(0, 2)).toEqual(["summarising 4 documents", "digest  0:00"])
  })

  it("uses colours only when told", () => {
    for (const color of [true, false]) {
      const { stream, raw } = terminal(60)
      const { clock, display } = start({ stream, color })
      clock.advance(200)
      display.stop()
      expect(raw().includes("\u001b[1mdigest")).toBe(color)
    }
  })

  it("shows the quota's own reading rather than its guess from events", async () => {
    const { stream, screen } = terminal(80)
    const quotas: QuotaReading[] = [
      {
        name: "gpt",
        waiting: [{ reason: "requests per minute", calls: 7 }],
        inFlight: 5,
        gate: { reason: "the vendor said retry-after", opensInMs: 4_000 },
        limits: { requests: 600, inputTokens: 30_000, outputTokens: 8_000 },
      },
    ]
    const { clock, display, observe } = start({ stream, color: false, quotas: () => quotas })
    observe({ type: "permit-wait", quota: "gpt", key: "", blockedBy: "tokens", waiting: 99 })
    observe({ type: "usage", cost: { inputTokens: 1_000, outputTokens: 50, usd: 0.5 } })
    clock.advance(1_000)
    display.stop()
    expect((await screen()).slice(2)).toEqual([
      "0 documents and 5 calls in flight, 0 failed, $0.5000",
      "7 calls waiting for requests per minute",
      "gate closed: the vendor said retry-after, opens in 0:04",
      `requests           0/min of  600  ${"░".repeat(20)}`,
      `input tokens     12k/min of  30k  ${"█".repeat(8)}${"░".repeat(12)}`,
      `output tokens    600/min of 8.0k  ${"█".repeat(1)}${"░".repeat(19)}`,
    ])
  })
})

describe("what a terminal shows beside its text", () => {
  const xterm256 = { TERM: "xterm-256color" }
  it.each([
    ["no known terminal: nothing", {}, "", ""],
    ["a dumb one: nothing", { TERM: "dumb" }, "", ""],
    [
      "the title, kept and given back",
      xterm256,
      "\u001b[22;0t\u001b]0;25% digest\u001b\\",
      "\u001b]0;\u001b\\\u001b[23;0t",
    ],
    ["progress of the window (OSC 9;4)", { WT_SESSION: "1" }, "\u001b]9;4;1;25\u001b\\", "\u001b]9;4;0;0\u001b\\"],
    [
      "both",
      { ...xterm256, TERM_PROGRAM: "ghostty" },
      "25% digest\u001b\\\u001b]9;4;1;25\u001b\\",
      "[23;0t\u001b]9;4;0;0",
    ],
    ["an iTerm that says so", { TERM_PROGRAM: "iTerm.app", TERM_FEATURES: "T3P" }, "\u001b]9;4;1;25", "\u001b]9;4;0;0"],
    ["an older iTerm", { TERM_PROGRAM: "iTerm.app" }, "", ""],
  ])("%s", (_name, env, shown, taken) => {
    const { stream, raw } = terminal(60)
    const { clock, display, finish } = start({ stream, color: false, env, title: "digest\u001b]0;x\u0007" })
    finish(0)
    clock.advance(1_000)
    // What has not changed is not said again.
    const signals = raw().split("\u001b]").slice(1)
    expect(signals).toHaveLength(new Set(signals).size)
    expect(raw()).toContain(shown)
    if (shown === "") expect(raw()).not.toContain("\u001b]")
    const before = raw().length
    display.stop()
    expect(raw().slice(before)).toContain(taken)
  })

  it("how far is unknown without a total; a closed gate is shown as a halt", () => {
    const { stream, raw } = terminal(60)
    const env = { ConEmuANSI: "ON", TERM: "xterm" }
    const { clock, observe } = start({ stream, color: false, env, total: () => undefined })
    clock.advance(200)
    expect(raw()).toContain("\u001b]0;digest\u001b\\\u001b]9;4;3;0\u001b\\")
    const other = terminal(60)
    const held = start({ stream: other.stream, color: false, env })
    held.observe({ type: "gate-close", quota: "q", untilMs: held.clock.now() + 3_000, reason: "rate" })
    held.clock.advance(200)
    expect(other.raw()).toContain("\u001b]9;4;4;0\u001b\\")
    observe({ type: "gate-open", quota: "q", closedMs: 3_000 })
  })
})

describe("a display in a pipe", () => {
  it("says the last failures by their keys, each once, and how many there were before", () => {
    const { stream, raw } = terminal(60)
    const { clock, display, observe } = start({ stream, isTTY: false })
    const fail = (index: number, key?: string): void => {
      observe({ type: "item-start", node: "perFile", index })
      const error = new Error(`no such model\nas ${index}`)
      observe({ type: "item-end", node: "perFile", index, status: "failed", attempts: 1, error, ...(key && { key }) })
    }
    for (let index = 0; index < 5; index++) fail(index)
    fail(5, "doc-7")
    clock.advance(5_000)
    fail(6)
    clock.advance(5_000)
    display.stop()
    const notes = raw()
      .split("\n")
      .filter((line) => line.startsWith("!"))
    expect(notes).toEqual([
      "! … and 3 more before",
      "! perFile[3]: no such model as 3",
      "! perFile[4]: no such model as 4",
      "! perFile[doc-7]: no such model as 5",
      "! perFile[6]: no such model as 6",
    ])
  })

  it("writes a line now and then and one at the end, without an escape", async () => {
    const { stream, raw } = terminal(60)
    const { clock, display, finish } = start({ stream, isTTY: false })
    display.print("4 documents")
    clock.advance(4_999)
    expect(raw()).toBe("4 documents\n")
    finish(0)
    clock.advance(1)
    finish(1)
    display.stop()
    display.stop()
    expect(raw().split("\n")).toEqual([
      "4 documents",
      "0:05 1/4 documents done, 0 failed, 0 calls in flight, requests 0/min, tokens 0/min",
      "0:05 2/4 documents done, 0 failed, 0 calls in flight, requests 0/min, tokens 0/min, eta 0:05 (0:03 to 0:17)",
      "",
    ])
    expect(raw()).not.toContain("\u001b")
    clock.advance(60_000)
    expect(raw().split("\n")).toHaveLength(4)
  })
})

describe("what a display counts", () => {
  it("replayed items are done and do not feed the ETA; retries and refusals are counted; the last three notes stay", () => {
    const { stream } = terminal(60)
    const { clock, display, observe } = start({ stream, isTTY: false })
    observe({ type: "item-start", node: "perFile", index: 0 })
    observe({ type: "item-end", node: "perFile", index: 0, status: "ok", attempts: 1, replayed: true })
    observe({ type: "http-attempt", vendor: "openai", model: "m", attempt: 1, status: 429, decision: "retry" })
    observe({ type: "http-attempt", vendor: "openai", model: "m", attempt: 2, status: 200, decision: "done" })
    observe({ type: "throttle", quota: "q", reason: "rate" })
    for (const text of ["one", "two", "three", "four"]) observe({ type: "warning", code: "x", message: text })
    clock.advance(1_000)
    const state = display.state()
    expect(state).toMatchObject({
      succeeded: 1,
      inFlight: 0,
      calls: { retried: 1, throttled: 1 },
      notes: ["two", "three", "four"],
    })
    expect(state.etaMs).toBeUndefined()
    display.stop()
  })

  it("what a cancel stopped is neither done nor failed nor in flight", () => {
    const { stream } = terminal(60)
    const { display, observe } = start({ stream, isTTY: false })
    observe({ type: "item-start", node: "perFile", index: 0 })
    observe({ type: "item-end", node: "perFile", index: 0, status: "cancelled", attempts: 0, error: new Error("stop") })
    expect(display.state()).toMatchObject({ succeeded: 0, failed: 0, inFlight: 0, notes: [] })
    display.stop()
  })

  it("usage that run and fetch both tell counts once", () => {
    const { stream } = terminal(60)
    const { clock, display, observe } = start({ stream, isTTY: false })
    const cost = { inputTokens: 10, outputTokens: 2, usd: 0.25 }
    observe({ type: "usage", cost })
    observe({ type: "usage", cost, model: "m" })
    observe({ type: "usage", cost: { ...cost }, model: "m" })
    clock.advance(60_000 / 4)
    expect(display.state().costUsd).toBe(0.5)
    display.stop()
  })

  it("a gate from events opens when it says so", () => {
    const { stream } = terminal(60)
    const { clock, display, observe } = start({ stream, isTTY: false })
    observe({ type: "gate-close", quota: "q", untilMs: clock.now() + 3_000, reason: "rate" })
    clock.advance(1_000)
    expect(display.state().gate).toEqual({ reason: "the vendor refused calls", opensInMs: 2_000 })
    observe({ type: "gate-open", quota: "q", closedMs: 3_000 })
    expect(display.state().gate).toBeUndefined()
    display.stop()
  })

  it("a vendor that does not answer is told so, with how the last call ended, until a call succeeds", () => {
    const { stream, raw } = terminal(60)
    const quota = { name: "q", inFlight: 0, waiting: [], limits: {}, gate: { reason: "a pause", opensInMs: 9 } }
    const { clock, display, observe } = start({ stream, isTTY: false, quotas: () => [quota] })
    const attempt = { type: "http-attempt", vendor: "v", model: "m", attempt: 1 } as const
    observe({ ...attempt, decision: "retry", error: "connection" })
    observe({ type: "gate-close", quota: "q", untilMs: clock.now() + 3_000, reason: "outage" })
    expect(display.state().gate).toEqual({ reason: "the vendor does not answer", opensInMs: 9 })
    clock.advance(5_000)
    expect(raw()).toContain("gate closed: the vendor does not answer, last call: no answer (connection), ")
    observe({ ...attempt, decision: "retry", status: 503 })
    expect(display.state().trouble).toBe("503 (retry)")
    observe({ ...attempt, decision: "ok", status: 200 })
    expect(display.state().trouble).toBeUndefined()
    display.stop()
  })

  it("without a node's name the first node that has items is the unit", () => {
    const { stream } = terminal(60)
    const clock = handClock()
    const display = createDisplay({ stream, isTTY: false, clock, title: "t", unit: "item" })
    for (const node of ["outer", "inner", "inner"])
      display.observe({ atMs: 0, type: "item-start", runId: "r", spanId: 1, node, index: 0 })
    expect(display.state().inFlight).toBe(1)
    display.stop()
  })
})

describe("what a frame promises", () => {
  const quotas = (waiting: QuotaReading["waiting"] = []): QuotaReading[] => [
    { name: "lab/m", inFlight: 0, waiting, limits: { requests: 60, tokens: 12_000 } },
  ]
  const settled = (atMs: number, index: number): SluiceEvent[] => [
    { type: "item-start", atMs, runId: "r", spanId: index + 1, node: "run", index },
    { type: "permit-admit", atMs, quota: "lab/m", key: "", cost: { requests: 1 }, waitedMs: 0, inFlight: 1 } as never,
    { type: "usage", atMs, cost: { inputTokens: 400, outputTokens: 100 } },
    { type: "item-end", atMs, runId: "r", spanId: index + 1, node: "run", index, status: "ok", attempts: 1 },
  ]

  it("an ETA that the limits allow after a burst of 20 in two seconds, and the pace that the burst had", () => {
    const tally = new ProgressTally(0, "run")
    for (let index = 0; index < 20; index++) for (const event of settled(index * 100, index)) tally.observe(event)
    const state = tally.state(2_000, { title: "t", unit: "item", total: 1_600, quotas: quotas() })
    // 1,580 items of 500 tokens, 12,000 a minute: 66 minutes, where the burst alone would say 3.
    expect(state.etaMs).toBeCloseTo((1_580 * 500 * 60_000) / 12_000, -3)
    // Of the first five seconds.
    expect(state.rates).toEqual([
      { name: "requests", perMinute: 240, limitPerMinute: 60 },
      { name: "tokens", perMinute: 120_000, limitPerMinute: 12_000 },
    ])
  })

  it("what was sent where that is more than the limit", () => {
    const tally = new ProgressTally(0, "run")
    for (let index = 0; index < 90; index++) for (const event of settled(index * 500, index)) tally.observe(event)
    const [requests] = tally.state(45_000, { title: "t", unit: "item", total: 1_000, quotas: quotas() }).rates
    expect(requests!.limitPerMinute).toBe(60)
    expect(requests!.perMinute).toBeCloseTo(120, -1)
  })

  it("time left after a pause: of the pace before it and after it, as if it had not been", () => {
    const tally = new ProgressTally(0, "run")
    const told = (action: string, atMs: number): void =>
      tally.observe({ type: "control", atMs, action, by: "anna, terminal" } as SluiceEvent)
    const count = 120
    for (let index = 0; index < count; index++) for (const event of settled(index * 100, index)) tally.observe(event)
    const leftAt = (atMs: number): ReturnType<typeof tally.state> =>
      tally.state(atMs, { title: "t", unit: "item", total: 1_280, quotas: [] })
    const before = leftAt(12_000)
    told("pause", 12_000)
    expect(leftAt(22_000).etaMs).toBe(before.etaMs)
    told("resume", 32_000)
    const after = leftAt(32_000)
    expect([after.etaMs, after.etaRangeMs]).toEqual([before.etaMs, before.etaRangeMs])
    // 1,160 at ten a second.
    expect(after.etaMs).toBeCloseTo(116_000, -4)
  })

  it("the pace where no limit is known, and what the pace says where that is slower than the limits", () => {
    const tally = new ProgressTally(0, "run")
    for (let index = 0; index < 10; index++) for (const event of settled(index * 3_000, index)) tally.observe(event)
    const frame = { title: "t", unit: "item", total: 110 }
    expect(tally.state(30_000, { ...frame, quotas: [] }).etaMs).toBeCloseTo(300_000, -5)
    expect(tally.state(30_000, { ...frame, quotas: quotas() }).etaMs).toBeGreaterThanOrEqual(250_000)
  })

  it("no less than a vendor's pause for a day, and what the limits take after it", () => {
    const tally = new ProgressTally(0, "run")
    for (let index = 0; index < 20; index++) for (const event of settled(index * 100, index)) tally.observe(event)
    const day = 24 * 3_600_000
    const stateAt = (atMs: number, opensInMs: number, limits: QuotaReading["limits"]) =>
      tally.state(atMs, {
        title: "t",
        unit: "item",
        total: 1_600,
        quotas: [
          { name: "lab/m", inFlight: 0, waiting: [], limits, gate: { reason: "the vendor refused calls", opensInMs } },
        ],
      })
    for (const atMs of [2_000, 3_600_000]) {
      const opensInMs = day - atMs
      const known = stateAt(atMs, opensInMs, { tokens: 12_000 })
      expect(known.etaMs).toBeCloseTo(opensInMs + (1_580 * 500 * 60_000) / 12_000, -3)
      const { etaMs, etaRangeMs } = stateAt(atMs, opensInMs, {})
      expect(etaMs).toBeGreaterThanOrEqual(opensInMs)
      expect(etaRangeMs![0]).toBeGreaterThanOrEqual(opensInMs)
    }
  })

  it("how many answers were cut, live and in a line", () => {
    const tally = new ProgressTally(0, "run")
    const call = { type: "call-end", atMs: 1, status: "ok", startMs: 0, attempts: 1 }
    for (const reason of ["stop", "length", "max_tokens", "MAX_TOKENS", "max_output_tokens", "content_filter"])
      tally.observe({ ...call, finishReasons: [reason] } as unknown as SluiceEvent)
    const state = tally.state(1_000, { title: "t", unit: "item", total: 9, quotas: [] })
    expect(state.calls.cut).toBe(4)
    expect(renderFrame(state, 100)).toContain("0 failed, 4 cut")
    expect(renderLine(state)).toContain("0 calls in flight, 4 cut")
  })

  it("until when calls wait, on a terminal and in lines; and what was spent in lines too", () => {
    const tally = new ProgressTally(0, "run")
    const waiting = [{ reason: "requests per minute", calls: 12, nextInMs: 34_000 }]
    const state = {
      ...tally.state(50_000, { title: "t", unit: "item", total: 9, quotas: quotas(waiting) }),
      costUsd: 0.5,
    }
    expect(renderFrame(state, 100)).toContain("12 calls waiting for requests per minute, next call in 0:34")
    expect(renderLine(state)).toContain("12 waiting for requests per minute, next call in 0:34")
    expect(renderLine(state)).toContain("$0.5000")
  })
})
