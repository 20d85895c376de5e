import { describe, expect, it } from "vitest"
import { diagnose, type Diagnosis } from "../../src/ledger/diagnose.ts"
import type { LimitFacts, RefusalFacts } from "../../src/ledger/refusal-facts.ts"

/** 600 requests a minute, told as a number alone; a few seconds in, one call after the other. */
const limit: LimitFacts = {
  windowMs: 60_000,
  kind: "bucket",
  isKindTold: false,
  isDepthTold: false,
  isGuessed: false,
  isFast: false,
  amount: 1,
  perMs: 0.01,
  limit: 600,
  depth: 600,
  isDepthBounded: false,
  level: 500,
  own: 1,
  peak: 1.5,
  recent: 100,
  freedMs: 0,
  justFreed: 0,
  doubts: 0,
  endsBeforeWindow: false,
  admitted: 100,
  measured: 0.02,
  idled: 0,
  isCrowded: true,
  passed: 0,
  sinceMs: 10_000,
  inARow: 0,
  earlyMs: 250,
  remaining: undefined,
  heardAgoMs: Infinity,
  seen: 0,
}

const refusal: RefusalFacts = {
  reason: "rate",
  dimension: "requests",
  retryAfterMs: undefined,
  isNever: false,
  dayResetMs: undefined,
  isNew: true,
  limits: [limit],
  suspect: 0,
  crowd: "crowded",
  mayWantPlaces: false,
  isWordless: false,
  amount: 1,
  recent: 0,
  endsBeforeWindow: false,
  since: undefined,
}

const of = (facts: Partial<LimitFacts>, rest: Partial<RefusalFacts> = {}): RefusalFacts => ({
  ...refusal,
  ...rest,
  limits: [{ ...limit, ...facts }],
})
const unknown = { limits: [], suspect: -1 } as const

// One row for each branch: what was observed, and what it is taken for.
const table: readonly (readonly [name: string, facts: RefusalFacts, diagnosis: Diagnosis])[] = [
  ["money or access", { ...refusal, reason: "billing" }, { cause: "account", why: "billing" }],
  ["a limit of 0", { ...refusal, isNever: true }, { cause: "account", why: "never" }],
  [
    "a day's total, its delay named",
    { ...refusal, reason: "daily", retryAfterMs: 5_000 },
    { cause: "day", waitMs: 5_000 },
  ],
  [
    "a day's total, its reset in headers",
    { ...refusal, reason: "daily", dayResetMs: 7_000 },
    { cause: "day", waitMs: 7_000 },
  ],
  ["a day's total, nothing named", { ...refusal, reason: "daily" }, { cause: "day", waitMs: 60_000 }],
  ["growing too fast", { ...refusal, reason: "ramp" }, { cause: "growth" }],
  ["growing too fast, one more of a burst", { ...refusal, reason: "ramp", isNew: false }, { cause: "same-event" }],
  ["no capacity, few refused", { ...refusal, reason: "overloaded", crowd: "luck" }, { cause: "luck" }],
  ["no capacity, many refused", { ...refusal, reason: "overloaded" }, { cause: "places", crowd: "crowded" }],
  [
    "too many at once, one more of a burst",
    { ...refusal, reason: "places", crowd: "burst" },
    { cause: "places", crowd: "burst" },
  ],
  ["one more of a burst", { ...refusal, isNew: false }, { cause: "same-event" }],

  [
    "nothing known, nothing named",
    { ...refusal, ...unknown, dimension: undefined, mayWantPlaces: true },
    { cause: "places", crowd: "crowded" },
  ],
  [
    "nothing known, nothing named, where more ran lately and were served",
    { ...refusal, ...unknown, dimension: undefined },
    { cause: "unknown" },
  ],
  ["nothing known, one more of a burst", { ...refusal, ...unknown, isNew: false }, { cause: "same-event" }],
  [
    "nothing known, the first refusal: all that passed may have stood ready",
    { ...refusal, ...unknown, recent: 120 },
    { cause: "unknown" },
  ],
  [
    "nothing known, and nothing has passed since the last",
    { ...refusal, ...unknown, since: { admitted: 0, refused: 2, ms: 1_000 } },
    { cause: "unknown" },
  ],
  [
    "nothing known, so soon after the last refusal that those of what left since may still come",
    { ...refusal, ...unknown, since: { admitted: 7, refused: 0, ms: 60 } },
    { cause: "unknown" },
  ],
  [
    "nothing known, as soon, where the vendor named the delay",
    { ...refusal, ...unknown, since: { admitted: 17, refused: 2, ms: 200 }, retryAfterMs: 200 },
    { cause: "unknown-rate", dimension: "requests", perMs: 0.1 },
  ],
  [
    "nothing known: what came since the last, the refused ones too",
    { ...refusal, ...unknown, since: { admitted: 17, refused: 2, ms: 2_000 } },
    { cause: "unknown-rate", dimension: "requests", perMs: 0.01 },
  ],
  [
    "tokens are named, and only requests are known: a rate of tokens, of which the call took many",
    {
      ...refusal,
      suspect: -1,
      dimension: "tokens",
      amount: 3_000,
      since: { admitted: 57_000, refused: 0, ms: 60_000 },
    },
    { cause: "unknown-rate", dimension: "tokens", perMs: 1 },
  ],
  [
    "nothing known, a delay no bucket would name",
    { ...refusal, ...unknown, recent: 120, retryAfterMs: 40_000, endsBeforeWindow: true },
    { cause: "unknown-window", dimension: "requests", admitted: 120, agoMs: 0, isFixed: true },
  ],
  [
    "nothing known, and nothing has passed for longer than a bucket would take",
    { ...refusal, ...unknown, recent: 120, since: { admitted: 0, refused: 6, ms: 16_000 } },
    { cause: "unknown-window", dimension: "requests", admitted: 120, agoMs: 16_000, isFixed: false },
  ],

  [
    "a sliding window that had just made room has it in a moment",
    of({ kind: "sliding", isKindTold: true, level: 3, justFreed: 3, earlyMs: 0 }, { retryAfterMs: 40 }),
    { cause: "early", limit: 0, byMs: 40 },
  ],
  [
    "a sliding window that had just made room, no delay named, by more than it was moved apart before",
    of({ kind: "sliding", isKindTold: true, level: 3, justFreed: 3, earlyMs: 60 }),
    { cause: "early", limit: 0, byMs: 60 },
  ],
  [
    "a sliding window that had just made room has none for a while: somebody else",
    of({ kind: "sliding", isKindTold: true, level: 3, justFreed: 3, earlyMs: 0 }, { retryAfterMs: 9_000 }),
    { cause: "level", limit: 0 },
  ],

  [
    "headers have room: something shorter stands behind",
    of({ remaining: 300, own: 30 }),
    { cause: "depth", limit: 0, depth: 10 },
  ],
  [
    "headers have room, a second time",
    of({ remaining: 300, own: 30, depth: 10, isDepthBounded: true }),
    { cause: "depth", limit: 0, depth: 5 },
  ],
  [
    "headers have room, one by one",
    of({ remaining: 300, depth: 1, earlyMs: 0 }),
    { cause: "early", limit: 0, byMs: 25 },
  ],
  [
    "headers have room, one by one, of calls 20 ms apart: a quarter of that",
    of({ remaining: 300, depth: 1, earlyMs: 0, perMs: 0.05 }),
    { cause: "early", limit: 0, byMs: 5 },
  ],
  [
    "headers have room, one by one, well apart, nothing named",
    of({ remaining: 300, depth: 1 }, { dimension: undefined }),
    { cause: "places", crowd: "crowded" },
  ],
  ["headers have room, one by one, well apart", of({ remaining: 300, depth: 1 }), { cause: "level", limit: 0 }],

  [
    "a delay no bucket would name, half of the window used",
    of({ recent: 400 }, { retryAfterMs: 40_000 }),
    { cause: "window", limit: 0, kind: "sliding" },
  ],
  [
    "the same, and it ends before our first call is a window old",
    of({ recent: 400, endsBeforeWindow: true }, { retryAfterMs: 40_000 }),
    { cause: "window", limit: 0, kind: "fixed" },
  ],
  [
    "nothing has passed for far longer than a bucket would take, all of the window used",
    of({ recent: 600, admitted: 0, sinceMs: 16_000 }),
    { cause: "window", limit: 0, kind: "sliding" },
  ],
  [
    "the same, and there would be room in a window",
    of({ recent: 599, admitted: 0, sinceMs: 16_000, isDepthTold: true, inARow: 1 }),
    { cause: "level", limit: 0 },
  ],
  [
    "nothing has passed for longer than any window of that length would take",
    of({ recent: 600, admitted: 0, sinceMs: 70_000, isDepthTold: true, inARow: 1 }),
    { cause: "level", limit: 0 },
  ],
  [
    "told a window, refused with half of it left",
    of({ kind: "fixed", isKindTold: true }),
    { cause: "doubt", limit: 0 },
  ],
  [
    "told a window, refused so again",
    of({ kind: "fixed", isKindTold: true, doubts: 1, own: 20 }),
    { cause: "bucket", limit: 0, depth: 18 },
  ],
  [
    "told a window, room again in a moment",
    of({ kind: "fixed", isKindTold: true, own: 20 }, { retryAfterMs: 100 }),
    { cause: "bucket", limit: 0, depth: 18 },
  ],

  [
    "told a window, room again in a moment, and we believed no more than a little of it left",
    of({ kind: "sliding", isKindTold: true, own: 20, level: 90, amount: 1, recent: 510 }, { retryAfterMs: 40 }),
    { cause: "level", limit: 0 },
  ],

  ["one by one, and 40 ms too soon", of({ earlyMs: 0 }, { retryAfterMs: 40 }), { cause: "early", limit: 0, byMs: 40 }],
  [
    "one by one, too soon, and charged",
    of({ earlyMs: 0 }, { retryAfterMs: 140 }),
    { cause: "early", limit: 0, byMs: 40 },
  ],
  [
    "more stood ready than anybody saw remain",
    of({ heardAgoMs: 100, seen: 20, peak: 400 }),
    { cause: "depth", limit: 0, depth: 21 },
  ],
  ["headers are recent", of({ heardAgoMs: 100, seen: 590 }), { cause: "level", limit: 0 }],
  [
    "a window half used: it moves on later than ours",
    of({ kind: "sliding", recent: 400, level: 200 }),
    { cause: "level", limit: 0 },
  ],

  [
    "far fewer passed than the rate",
    of({ measured: 0.005, peak: 30, own: 30 }),
    { cause: "rate", limit: 0, perMs: 0.005 },
  ],
  ["never below what passed", of({ measured: 0.005, passed: 0.008 }), { cause: "rate", limit: 0, perMs: 0.008 }],
  [
    "few calls, the third in a row",
    of({ measured: 0.002, admitted: 3, inARow: 4 }),
    { cause: "rate", limit: 0, perMs: 0.008 },
  ],
  ["few calls, and the first refusal in a while", of({ measured: 0.002, admitted: 3 }), { cause: "level", limit: 0 }],
  ["who used less than half of what was granted", of({ measured: 0.005, idled: 300 }), { cause: "level", limit: 0 }],
  ["many left together", of({ own: 50, peak: 300 }), { cause: "depth", limit: 0, depth: 45 }],
  [
    "many left together, a second time",
    of({ own: 50, peak: 300, depth: 45, isDepthBounded: true }),
    { cause: "depth", limit: 0, depth: 22.5 },
  ],
  [
    "many left together, the first refusal, after more than slices hold",
    of({ own: 50, peak: Infinity, admitted: 100, sinceMs: 1_000 }),
    { cause: "depth", limit: 0, depth: 45, low: 100 / 61_000 },
  ],
  [
    "the same, with a delay that is less than what one call takes",
    of({ own: 50, peak: Infinity, admitted: 100, sinceMs: 1_000, perMs: 0.01 }, { retryAfterMs: 60 }),
    { cause: "depth", limit: 0, depth: 45 },
  ],
  [
    "the same, with a delay in whole seconds, which are rounded up",
    of({ own: 50, peak: Infinity, admitted: 100, sinceMs: 1_000, perMs: 0.01 }, { retryAfterMs: 1_000 }),
    { cause: "depth", limit: 0, depth: 45, low: 100 / 61_000 },
  ],
  [
    "a little more than one was tried where one at a time had passed, whatever was admitted since",
    of({ own: 5, peak: 1.06, depth: 1.06, isDepthBounded: true, admitted: 100, measured: 0.0098 }),
    { cause: "depth", limit: 0, depth: 1 },
  ],
  [
    "many left together, within a depth that was told",
    of({ own: 50, peak: 300, isDepthTold: true }),
    { cause: "level", limit: 0 },
  ],
  [
    "a delay named, the third in a row: one call's room",
    of({ own: 1, measured: 0.02, inARow: 4 }, { retryAfterMs: 1_500 }),
    { cause: "rate", limit: 0, perMs: 2 / 1_500 },
  ],
  [
    "a guessed limit and few calls since the last refusal: the delay says more of its rate",
    of({ isGuessed: true, admitted: 5, measured: 0.009 }, { retryAfterMs: 1_500 }),
    { cause: "rate", limit: 0, perMs: 2 / 1_500 },
  ],
  [
    "the same, and many calls: these measure it, and of a window the delay is as long however much passes",
    of({ isGuessed: true, admitted: 20, measured: 0.009 }, { retryAfterMs: 1_500 }),
    { cause: "rate", limit: 0, perMs: 0.009 },
  ],
  [
    "a fast limit that nobody told, and many calls measure less than was believed: its rate, though they came too early",
    of({ isGuessed: true, isFast: true, admitted: 20, perMs: 0.01, measured: 0.009, earlyMs: 0 }, { retryAfterMs: 5 }),
    { cause: "rate", limit: 0, perMs: 0.009 },
  ],
  [
    "the same, and as much as was believed",
    of({ isGuessed: true, isFast: true, admitted: 20, perMs: 0.01, measured: 0.01, earlyMs: 0 }, { retryAfterMs: 5 }),
    { cause: "early", limit: 0, byMs: 25 },
  ],
  ["one by one, too soon, nothing named", of({ earlyMs: 0 }), { cause: "early", limit: 0, byMs: 25 }],
  [
    "neither depth nor rate, nothing named",
    of({}, { dimension: undefined, mayWantPlaces: true }),
    { cause: "places", crowd: "crowded" },
  ],
  ["neither depth nor rate nor places", of({}), { cause: "level", limit: 0 }],
  [
    "one by one, and what was tried beyond one call was too much",
    of({ peak: 1.02, depth: 1.02, isDepthBounded: true, earlyMs: 50 }),
    { cause: "depth", limit: 0, depth: 1 },
  ],
  [
    "the same within a depth that was told",
    of({ peak: 1.02, depth: 1.02, isDepthBounded: true, isDepthTold: true, earlyMs: 50 }),
    { cause: "early", limit: 0, byMs: 50 },
  ],
]

describe("what a refusal means", () => {
  for (const [name, facts, diagnosis] of table) {
    it(`${name}: ${diagnosis.cause}`, () => {
      const before = structuredClone(facts)
      expect(diagnose(facts)).toEqual(diagnosis)
      expect(facts).toEqual(before)
    })
  }

  it("every cause stands in the table", () => {
    expect([...new Set(table.map(([, , { cause }]) => cause))].toSorted()).toEqual([
      "account",
      "bucket",
      "day",
      "depth",
      "doubt",
      "early",
      "growth",
      "level",
      "luck",
      "places",
      "rate",
      "same-event",
      "unknown",
      "unknown-rate",
      "unknown-window",
      "window",
    ])
  })
})
