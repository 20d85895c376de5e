import type { PageOptions } from "../src/options.ts"

type SharedQuota = Awaited<ReturnType<NonNullable<PageOptions["shared"]>>>[number]

/** So many processes, with names as they give themselves. */
export function manyMembers(count: number): SharedQuota["members"] {
  return Array.from({ length: count }, (_, at) => ({
    id: `${(0x3f1c9a2b + at * 0x01234567).toString(16)}-7d4e`,
    silentMs: at * 700,
    places: 3 + at,
    tickets: at % 3,
    waiting: at % 4 === 0 ? 0 : 1_000 * at,
    ...(at % 4 !== 0 && { waitsFor: at % 2 === 0 ? "inputTokensPerMinute" : "gate" }),
    learns: at === 3,
  }))
}

/** A quota that two processes share, as Redis keeps it. */
export function sharedQuota(changes: Partial<SharedQuota> = {}): SharedQuota {
  return {
    tag: "0123456789abcdef",
    name: "openai/gpt-5-mini",
    limits: [
      { name: "requestsPerMinute", windowMs: 60_000, kind: "bucket", used: 500, told: 500, found: 500, level: 125 },
      { name: "tokensPerMinute", windowMs: 60_000, kind: "bucket", used: 80_000, told: 90_000, set: 80_000, level: 0 },
    ],
    members: [
      { id: "first", silentMs: 120, places: 12, tickets: 2, waiting: 30, waitsFor: "tokensPerMinute", learns: true },
      { id: "second", silentMs: 900, places: 7, tickets: 0, waiting: 4, waitsFor: "concurrency", learns: false },
    ],
    waiting: [
      { reason: "tokensPerMinute", calls: 30 },
      { reason: "concurrency", calls: 4 },
    ],
    lost: 0,
    gateMs: 0,
    ramping: false,
    places: 20,
    running: 19,
    episodes: 1,
    refused: 3,
    started: 1_234,
    ...changes,
  }
}
