import picocolors from "picocolors"
import { stripVTControlCharacters } from "node:util"
import { describe, expect, it } from "vitest"
import type { FrameState } from "../../src/display/frame-state.ts"
import { renderFrame } from "../../src/display/render-frame.ts"
import { renderLine } from "../../src/display/render-line.ts"

const busy: FrameState = {
  title: "summarise-docs with lab-extractive",
  unit: "document",
  total: 275,
  succeeded: 110,
  failed: 2,
  inFlight: 14,
  elapsedMs: 23_400,
  etaMs: 34_000,
  calls: { inFlight: 6, retried: 3, throttled: 1 },
  waiting: [
    { reason: "tokens per minute", calls: 38 },
    { reason: "requests per minute", calls: 1 },
  ],
  gate: { reason: "retry-after", opensInMs: 12_000 },
  rates: [
    { name: "requests", perMinute: 412, limitPerMinute: 600 },
    { name: "tokens", perMinute: 388_123, limitPerMinute: 400_000 },
  ],
  costUsd: 0.01234,
  notes: ["bad.md: the file is empty"],
}
const idle: FrameState = {
  title: "digest",
  unit: "item",
  succeeded: 0,
  failed: 0,
  inFlight: 0,
  elapsedMs: 0,
  calls: { inFlight: 0, retried: 0, throttled: 0 },
  waiting: [],
  rates: [],
  notes: [],
}

describe("renderFrame", () => {
  const frames: readonly { name: string; state: FrameState; columns: number; frame: string[] }[] = [
    {
      name: "everything at once, 80 columns",
      state: busy,
      columns: 80,
      frame: [
        "summarise-docs with lab-extractive  0:23",
        "████████████████░░░░░░░░░░░░░░░░░░░░░░░░  112/275 documents done  40%  eta 0:34",
        "14 documents and 6 calls in flight, 2 failed, 3 retried, 1 refused by the vendo…",
        "38 calls waiting for tokens per minute",
        "1 call waiting for requests per minute",
        "gate closed: retry-after, opens in 0:12",
        "requests    412/min of  600  █████████████░░░░░░░",
        "tokens     388k/min of 400k  ███████████████████░",
        "! bad.md: the file is empty",
      ],
    },
    {
      name: "the bar shrinks before any word is cut",
      state: busy,
      columns: 52,
      frame: [
        "summarise-docs with lab-extractive  0:23",
        "█████░░░░░░░░  112/275 documents done  40%  eta 0:34",
        "14 documents and 6 calls in flight, 2 failed, 3 ret…",
        "38 calls waiting for tokens per minute",
        "1 call waiting for requests per minute",
        "gate closed: retry-after, opens in 0:12",
        "requests    412/min of  600  █████████████░░░░░░░",
        "tokens     388k/min of 400k  ███████████████████░",
        "! bad.md: the file is empty",
      ],
    },
    {
      name: "narrow: no bars, cut lines",
      state: busy,
      columns: 24,
      frame: [
        "summarise-docs wi…  0:23",
        "112/275 documents done …",
        "14 documents and 6 call…",
        "38 calls waiting for to…",
        "1 call waiting for requ…",
        "gate closed: retry-afte…",
        "requests    412/min of …",
        "tokens     388k/min of …",
        "! bad.md: the file is e…",
      ],
    },
    {
      name: "an ETA with its range, where that is wide enough to tell",
      state: { ...idle, total: 4, succeeded: 1, etaMs: 90_000, etaRangeMs: [60_000, 180_000] },
      columns: 80,
      frame: [
        "digest  0:00",
        `${"█".repeat(8)}${"░".repeat(26)}  1/4 items done  25%  eta 1:30 (1:00 to 3:00)`,
        "0 items and 0 calls in flight, 0 failed",
      ],
    },
    {
      name: "an ETA whose range says no more",
      state: { ...idle, total: 4, succeeded: 1, etaMs: 90_000, etaRangeMs: [85_000, 95_000] },
      columns: 52,
      frame: [
        "digest  0:00",
        `${"█".repeat(5)}${"░".repeat(16)}  1/4 items done  25%  eta 1:30`,
        "0 items and 0 calls in flight, 0 failed",
      ],
    },
    {
      name: "nothing known yet",
      state: idle,
      columns: 80,
      frame: ["digest  0:00", "0 items done", "0 items and 0 calls in flight, 0 failed"],
    },
    {
      name: "how the last call ended, where it did not end well",
      state: { ...idle, trouble: "503 (overloaded)" },
      columns: 80,
      frame: ["digest  0:00", "0 items done", "0 items and 0 calls in flight, 0 failed", "last call: 503 (overloaded)"],
    },
    {
      name: "calls that workers make",
      state: {
        ...idle,
        inFlight: 100,
        calls: { ...idle.calls, inFlight: 12, isRemote: true },
        waiting: [{ reason: "a worker", calls: 88 }],
      },
      columns: 80,
      frame: [
        "digest  0:00",
        "0 items done",
        "100 items in flight, 12 calls with workers, 0 failed",
        "88 calls waiting for a worker",
      ],
    },
    {
      name: "an empty run is complete",
      state: { ...idle, total: 0 },
      columns: 60,
      frame: ["digest  0:00", `${"█".repeat(38)}  0/0 items done  100%`, "0 items and 0 calls in flight, 0 failed"],
    },
    {
      name: "a rate above the quota fills the bar, no more; wide characters count double",
      state: {
        ...idle,
        title: "要約要約要約要約要約要約要約要約要約",
        rates: [{ name: "requests", perMinute: 2_400, limitPerMinute: 600 }],
      },
      columns: 40,
      frame: [
        "要約要約要約要約要約要約要約要約…  0:00",
        "0 items done",
        "0 items and 0 calls in flight, 0 failed",
        `requests   2.4k/min of  600  ${"█".repeat(11)}`,
      ],
    },
  ]
  it.each(frames)("$name", ({ state, columns, frame }) => {
    expect(renderFrame(state, columns).split("\n")).toEqual(frame)
  })

  it("colours change no text and no width", () => {
    const coloured = renderFrame(busy, 52, picocolors.createColors(true))
    expect(coloured).not.toBe(renderFrame(busy, 52))
    expect(stripVTControlCharacters(coloured)).toBe(renderFrame(busy, 52))
  })

  it("names and vendors' words cannot steer the terminal", () => {
    const hostile = { ...idle, title: "a\u001b[2Jb\r\nc", notes: ["x\u001b]0;title\u0007\ny\u0000z"] }
    const frame = renderFrame(hostile, 80)
    // oxlint-disable-next-line no-control-regex
    expect(frame).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/)
    expect(frame.split("\n")).toHaveLength(4)
    expect(frame).toContain("ab c")
  })
})

describe("renderLine", () => {
  it("says the same in one line", () => {
    expect(renderLine(busy)).toBe(
      "0:23 112/275 documents done, 2 failed, 6 calls in flight, 38 waiting for tokens per minute, " +
        "1 waiting for requests per minute, gate closed: retry-after, requests 412/min of 600, tokens 388k/min of 400k, $0.0123, eta 0:34",
    )
    expect(renderLine(idle)).toBe("0:00 0 items done, 0 failed, 0 calls in flight")
  })
})

describe("vendor batches", () => {
  const going = {
    requests: 5_000,
    done: 300,
    states: [
      { state: "submitted", batches: 1 },
      { state: "in progress", batches: 2 },
    ],
  }
  const over = {
    requests: 0,
    done: 0,
    states: [
      { state: "ended", batches: 3 },
      { state: "failed", batches: 1 },
    ],
  }

  it.each([
    [going, "5.0k requests in vendor batches, 300 done (1 submitted, 2 in progress)"],
    [over, "vendor batches: 3 ended, 1 failed"],
  ])("say what lies there, live and in a line", (batches, words) => {
    expect(renderFrame({ ...idle, batches }, 80).split("\n")).toContain(words)
    expect(renderLine({ ...idle, batches }).split(/(?<=\)|flight), /)).toContain(words)
  })
})
