import type { QuotaSnapshot } from "@sluice/scheduler"
import { expect, it } from "vitest"
import { quotaReading, waitingIn } from "../../src/display/quota-reading.ts"

const snapshot: QuotaSnapshot = {
  name: "lab/m",
  inFlight: 7,
  waiting: 12,
  gate: { state: "open" },
  limits: [
    { name: "concurrency", dimension: "concurrency", limit: 20, level: 13 },
    { name: "requestsPerMinute", dimension: "requests", limit: 600, level: 40, windowMs: 60_000 },
    { name: "tokensPerMinute", dimension: "tokens", limit: 400_000, level: -50, windowMs: 60_000 },
    { name: "requestsPerDay", dimension: "requests", limit: 10_000, level: 9_000, windowMs: 86_400_000 },
  ],
}

it.each([
  ["names the tightest limit", snapshot, { waiting: [{ reason: "tokens per minute", calls: 12 }] }],
  ["keeps to limits per minute", snapshot, { limits: { requests: 600, tokens: 400_000 } }],
  ["waits for nothing when nothing waits", { ...snapshot, waiting: 0 }, { waiting: [] }],
  [
    "waits for the gate when that is closed",
    { ...snapshot, gate: { state: "closed", reopensInMs: 900 } },
    {
      waiting: [{ reason: "the gate to open", calls: 12 }],
      gate: { reason: "the vendor refused calls", opensInMs: 900 },
    },
  ],
  [
    "says that the pace grows, of refused and of new accounts alike",
    { ...snapshot, gate: { state: "ramping" } },
    { waiting: [{ reason: "the pace to grow with the answers", calls: 12 }] },
  ],
  [
    "names the limit that holds the first call back, also while the pace still grows",
    { ...snapshot, gate: { state: "ramping" }, next: { blockedBy: "requestsPerMinute", inMs: 2_000 } },
    { waiting: [{ reason: "requests per minute", calls: 12, nextInMs: 2_000 }] },
  ],
  [
    "names the pace where the gate holds the first call back",
    { ...snapshot, gate: { state: "ramping" }, next: { blockedBy: "gate", inMs: 250 } },
    { waiting: [{ reason: "the pace to grow with the answers", calls: 12, nextInMs: 250 }] },
  ],
  [
    "names what the first call waits for, and for how long",
    { ...snapshot, next: { blockedBy: "requestsPerMinute", inMs: 34_000 } },
    { waiting: [{ reason: "requests per minute", calls: 12, nextInMs: 34_000 }] },
  ],
  [
    "has nothing to name without limits",
    { ...snapshot, limits: [] },
    { waiting: [{ reason: "quota", calls: 12 }], limits: {} },
  ],
] as const)("%s", (_, given, reading) => {
  expect(quotaReading(given)).toMatchObject(reading)
})

it("several quotas: each reason once, with all calls that wait for it and the first of them to start", () => {
  const of = (waiting: Parameters<typeof waitingIn>[0][number]["waiting"]) => ({
    name: "",
    inFlight: 0,
    limits: {},
    waiting,
  })
  const rpm = "requests per minute"
  expect(
    waitingIn([
      of([{ reason: rpm, calls: 7, nextInMs: 900 }]),
      of([{ reason: "tokens per minute", calls: 9 }]),
      of([{ reason: rpm, calls: 4, nextInMs: 300 }]),
      of([]),
    ]),
  ).toEqual([
    { reason: rpm, calls: 11, nextInMs: 300 },
    { reason: "tokens per minute", calls: 9 },
  ])
})
