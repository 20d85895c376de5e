import { AsyncLocalStorage } from "node:async_hooks"
import {
  sequentialExecutor,
  type AttemptContext,
  type Executor,
  type ItemOptions,
  type ItemWork,
  type MapOptions,
  type Outcome,
} from "@sluice/core"
import { parallelExecutor } from "@sluice/scheduler"
import { describe, expect, it } from "vitest"
import { testExecutor, type TestFramework } from "../../src/index.ts"
import { atOnce } from "../../src/conformance/executor-bench.ts"
import { failuresOf, namesOf } from "./failures-of.ts"

type Attempt = (item: unknown, context: AttemptContext) => unknown
type Source = Iterable<unknown> | AsyncIterable<unknown>
type Outcomes = AsyncIterable<Outcome<unknown>>
type Work = ItemWork<unknown, unknown>
type Policy = ItemOptions<unknown, unknown>

/** What a flaw changes on the way into a right executor and out of it. */
interface Flaw {
  readonly policy?: (policy: Policy) => Policy
  readonly options?: (options: MapOptions) => MapOptions
  readonly attempt?: (attempt: Attempt) => Attempt
  readonly work?: (work: Work) => Work
  readonly source?: (source: Source) => Source
  readonly outcome?: (outcome: Outcome<unknown>) => Outcome<unknown>
  readonly outcomes?: (outcomes: Outcomes) => Outcomes
  readonly reason?: (reason: unknown) => unknown
}

const same = <T>(value: T): T => value

function flawed(right: Executor, flaw: Flaw): Executor {
  const { options = same, policy = same, attempt = same, work = same, source = same } = flaw
  const { outcome = same, outcomes = same, reason = same } = flaw
  async function* renamed(all: Outcomes): AsyncGenerator<Outcome<unknown>> {
    try {
      for await (const one of all) yield outcome(one)
    } catch (error) {
      throw reason(error)
    }
  }
  const map = (items: Source, given: Work, mapOptions: MapOptions): Outcomes => {
    const changed = { ...given, attempt: attempt(given.attempt), policy: policy(given.policy ?? {}) }
    return outcomes(renamed(right.map(source(items), work(changed), options(mapOptions))))
  }
  return { map } as Executor
}

async function* drained(source: Source): AsyncGenerator<unknown> {
  const items: unknown[] = []
  for await (const item of source) if (items.push(item) > 1_000) break
  yield* items
}

async function* silenced(source: Source): AsyncGenerator<unknown> {
  try {
    yield* source
  } catch {
    // Ends as if that were all.
  }
}

const without =
  <T extends object>(name: keyof T) =>
  (whole: T): T =>
    Object.fromEntries(Object.entries(whole).filter(([key]) => key !== name)) as T

const outside = AsyncLocalStorage.snapshot()

/** The counter of the class face that this project began with: one for the node, shared by all its items. */
function sharedAttempts(right: Attempt): Attempt {
  let attempt = 0
  return (item, { index, signal }) => right(item, { index, signal, attempt: ++attempt })
}

const cancelled = "is cancelled with the reason as it was given"

const throwing = "ends with what known or settled threw, untouched, and tells which item that left open"

/** Each flaw and the tests that find it. */
const flaws: Record<string, readonly [Flaw, ...string[]]> = {
  "undefined becomes null": [
    { outcome: (outcome) => (outcome.status === "ok" ? { ...outcome, value: outcome.value ?? null } : outcome) },
    "answers how the item ended, also with nothing-like values",
    "takes iterables and async iterables, and items that are nothing",
  ],
  "attempts are not told of": [
    { work: without("attempted") },
    "tries as often as told, counting from 1, and tells of each attempt",
  ],
  "items share a counter of attempts": [{ attempt: sharedAttempts }, "keeps each item's attempts and results its own"],
  "every error is worth a retry": [
    {
      attempt: (attempt) => async (item, context) => {
        try {
          return await attempt(item, context)
        } catch (error) {
          throw new Error("failed", { cause: error })
        }
      },
    },
    "fails when its attempts are spent, and stops early where a retry is pointless",
  ],
  "no fallback": [
    { policy: without("fallback") },
    "lets the fallback answer when attempts are spent, and fails with the fallback's own error",
  ],
  "a cancel has a reason of its own": [
    { reason: () => new Error("cancelled") },
    cancelled,
    `${cancelled}, source closed`,
  ],
  "every item costs the same": [
    { policy: without("cost") },
    "admits each attempt with its cost, and gives each permit back",
  ],
  "no time limit": [{ policy: without("timeoutMs") }, "ends an attempt that takes too long, and counts it"],
  "no backoff": [
    { policy: ({ retry, ...policy }) => ({ ...policy, ...(retry && { retry: { ...retry, ...atOnce } }) }) },
    "waits between attempts within the backoff, and leaves the wait at once when cancelled",
  ],
  "whoever is done is next": [
    { options: (options) => ({ ...options, order: "completion" }) },
    "yields one outcome per item, in the order of the input",
  ],
  "always in the order of the input": [
    { options: (options) => ({ ...options, order: "input" }) },
    "yields as items complete when told so",
  ],
  "failures vanish": [
    {
      options: (options) => ({ ...options, onError: "collect" }),
      outcomes: async function* (outcomes) {
        for await (const outcome of outcomes) if (outcome.status === "ok") yield outcome
      },
    },
    "collects failures as outcomes",
    "stops at the first failure: starts nothing more, waits for what runs, and rejects",
    "stops when the budget of failures is spent",
  ],
  "drains its source": [{ source: drained }, "pulls: the source is never far ahead of the consumer"],
  "a broken source is an end": [{ source: silenced }, "passes on an error of the source, after what runs has ended"],
  "the caller's context is lost": [
    { attempt: (attempt) => (item, context) => outside(() => attempt(item, context)) },
    "keeps the caller's async context",
  ],
  "four at once, whatever was told": [
    { options: (options) => ({ ...options, concurrency: 4 }) },
    "runs one after the other when told so",
  ],
  "one more at once than told": [
    { options: ({ concurrency, ...options }) => ({ ...options, concurrency: Number(concurrency) + 1 }) },
    "keeps as many running as told, no more, and refills each place as it comes free",
  ],
  "goes on when the consumer has left": [
    {
      outcomes: (outcomes) => ({
        [Symbol.asyncIterator]: () => {
          const iterator = outcomes[Symbol.asyncIterator]()
          return { next: () => iterator.next() }
        },
      }),
    },
    "stops what runs when the consumer leaves",
  ],
}

const surroundings: Record<string, readonly [Flaw, ...string[]]> = {
  "what is known is not asked": [
    { work: without("known") },
    "asks first what is known, which stands in for the item and is not settled again",
    throwing,
  ],
  "an outcome is not waited for": [
    {
      work: (work) => ({
        ...work,
        ...(work.settled && {
          settled: (outcome, item, scope) => {
            const settling = work.settled!(outcome, item, scope)
            if (settling instanceof Promise) settling.catch(() => {})
          },
        }),
      }),
    },
    "hands an outcome over, and the slot on, only when it has settled, and as settling returned it",
    throwing,
  ],
  "nobody is told what was dropped": [
    { work: without("dropped") },
    throwing,
    "drops what is in flight when it is cancelled",
  ],
  "every item has a plain scope": [
    { work: without("open") },
    "answers how the item ended, also with nothing-like values",
    "tries as often as told, counting from 1, and tells of each attempt",
    "lets the fallback answer when attempts are spent, and fails with the fallback's own error",
    "runs attempts and the fallback in the scope that was opened, whose index the outcome has",
  ],
  "a limiter has no keys": [{ policy: without("limiterKey") }, "asks the limiter for the item's key"],
}

describe("core's sequential executor", () =>
  testExecutor(() => sequentialExecutor, { describe, it }, { parallel: false }))

describe("testExecutor", () => {
  const suiteFor =
    (flaw: Flaw) =>
    (framework: TestFramework): void =>
      testExecutor(({ clock, random }) => flawed(parallelExecutor(clock, random), flaw), framework)

  it.each(Object.entries({ ...flaws, ...surroundings }))(
    "finds an executor's flaw: %s",
    async (_flaw, [flaw, ...names]) => {
      expect(await failuresOf(suiteFor(flaw), new Set(names))).toEqual(names)
    },
  )

  it("passes the executor in which they were put", async () => {
    expect(await failuresOf(suiteFor({}))).toEqual([])
  })

  it("asks nothing that none of these flaws fails", () => {
    const found = new Set(Object.values({ ...flaws, ...surroundings }).flatMap(([_flaw, ...names]) => names))
    expect(namesOf(suiteFor({})).filter((name) => !found.has(name))).toEqual([])
  })
})
