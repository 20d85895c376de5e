import type { QuotaSnapshot } from "@sluice/scheduler"
import { expect, it } from "vitest"
import { quotaReading } from "../../src/display/quota-reading.ts"

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
      gate: { reason: "the vendor asked for a pause", opensInMs: 900 },
    },
  ],
  [
    "says that the pace grows, of refused and of new accounts alike",
    { ...snapshot, gate: { state: "ramping" } },
    { waiting: [{ reason: "the pace to grow with the answers", calls: 12 }] },
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
