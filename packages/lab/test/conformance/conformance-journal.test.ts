import { SluiceError, type Journal, type Outcome, type RecordIdentity, type RunJournal } from "@sluice/core"
import { describe, expect, it } from "vitest"
import { testJournal, type JournalPlace, type TestFramework } from "../../src/index.ts"
import { failuresOf, namesOf } from "./failures-of.ts"

interface Flaws {
  invents?: true
  forgets?: true
  keepsFirst?: true
  flattensErrors?: true
  ignores?: keyof RecordIdentity
  mindsOrder?: true
  mindsPlace?: true
  followsNothing?: true
  mixesEqual?: true
  replaces?: true
  takesTwins?: true
  swallows?: true
  sharesRuns?: true
  endsForAll?: true
  races?: true
}

const sorted = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(
        Object.entries(value)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, inner]) => [key, sorted(inner)]),
      )
    : value

const comesBack = (value: unknown): boolean =>
  !/function|bigint/.test(typeof value + typeof (value as { deep?: unknown[] } | undefined)?.deep?.[0])

/** The contract in memory, with faults on demand. */
function memoryPlace(flaws: Flaws = {}): JournalPlace {
  let stored = new Map<string, Outcome<unknown>>()

  /** By its content and how many equal ones of other indexes were named before. */
  type Seen = Map<string, (number | undefined)[]>
  const nameOf = (runId: string, { key, index, ...rest }: RecordIdentity, seen: Seen): string => {
    const content = JSON.stringify(sorted(rest))
    const equal = seen.get(content) ?? []
    if (!equal.includes(index)) seen.set(content, [...equal, index])
    const nth = equal.includes(index) ? equal.indexOf(index) : equal.length
    const name = {
      ...(flaws.sharesRuns ? {} : { runId }),
      ...rest,
      ...(key === undefined ? (flaws.followsNothing ? { index } : { nth }) : { key }),
      ...(flaws.mindsPlace && key !== undefined && { index }),
      ...(flaws.mixesEqual && { nth: 0 }),
      ...(flaws.ignores && { [flaws.ignores]: 0 }),
    }
    return JSON.stringify(flaws.mindsOrder ? name : sorted(name))
  }

  function openRun(runId: string): RunJournal {
    const claims = new Map<string, number | undefined>()
    const seen: Seen = new Map()
    return {
      lookup(identity) {
        const { key, index } = identity
        if (key !== undefined) {
          if (!flaws.takesTwins && claims.has(key) && claims.get(key) !== index)
            throw new SluiceError("duplicate-key", `Two items have the key "${key}".`)
          claims.set(key, index)
        }
        const outcome = stored.get(nameOf(runId, identity, seen))
        if (!outcome) return flaws.invents ? { status: "ok", value: undefined, attempts: 1 } : undefined
        const { attempts } = outcome
        if (outcome.status === "ok") return { status: "ok", value: outcome.value, attempts }
        const error = flaws.flattensErrors ? new Error(String(outcome.error)) : outcome.error
        return { status: "failed", error, attempts }
      },
      async settle(identity, outcome) {
        if (!flaws.swallows && outcome.status === "ok" && !comesBack(outcome.value))
          throw new SluiceError("not-serialisable", `The value of "${identity.node}" cannot be stored.`)
        const name = nameOf(runId, identity, seen)
        if (flaws.replaces) {
          const { index } = identity
          for (const [held, { index: place }] of stored) if (place === index && held !== name) stored.delete(held)
        }
        if (flaws.keepsFirst && stored.has(name)) return
        if (!flaws.races) {
          stored.set(name, outcome)
          return
        }
        const read = new Map(stored)
        await Promise.resolve()
        stored = read.set(name, outcome)
      },
      async end() {
        if (flaws.endsForAll) stored.clear()
      },
    }
  }

  return {
    open(): Journal {
      if (flaws.forgets) stored.clear()
      return { openRun: async ({ runId }) => openRun(runId) }
    },
  }
}

const parts = ["node", "visit", "params", "input", "version"] as const
const values = ["undefined", "null", "0", '""', "false", '"text', "[1", "{"]

/** Each flaw and the test that finds it, by the beginning of its name. */
const flaws: readonly (readonly [Flaws, ...string[]])[] = [
  [{ invents: true }, "knows nothing of what was not settled"],
  [{ forgets: true }, ...values.map((value) => `gives back ${value}`)],
  [{ flattensErrors: true }, "gives back a failure with its message, code and attempts"],
  [{ keepsFirst: true }, "keeps the last of two outcomes of one item"],
  ...parts.map((part) => [{ ignores: part }, `does not take another ${part} for the same`] as const),
  [{ mindsOrder: true }, "does not mind the order of an object's keys"],
  [{ mindsPlace: true }, "finds an item by its key wherever it stands now"],
  [{ followsNothing: true }, "finds an item without a key wherever its content stands now, and gives it to one"],
  [{ mixesEqual: true }, "finds an item without a key wherever its content stands now, and gives it to one"],
  [{ replaces: true }, "keeps what is settled though another item stands in its place"],
  [{ takesTwins: true }, "refuses two items with one key"],
  [{ swallows: true }, "refuses a value that would not come back, naming the node, and stores nothing"],
  [{ sharesRuns: true }, "keeps runs apart"],
  [{ endsForAll: true }, "stays open for others when a run has ended, and for the same run again"],
  [{ races: true }, "loses none of a thousand settled at once"],
]

describe("testJournal", () => {
  const suiteFor =
    (flaw: Flaws) =>
    (framework: TestFramework): void =>
      testJournal(() => memoryPlace(flaw), framework)

  testJournal(memoryPlace, { describe, it })

  it.each(flaws.map(([flaw, ...begins]) => ({ flaw, begins })))("finds $flaw", async ({ flaw, begins }) => {
    const failed = await failuresOf(suiteFor(flaw))
    for (const begin of begins) expect(failed.filter((name) => name.startsWith(begin))).not.toEqual([])
  })

  it("asks nothing that none of these flaws fails", () => {
    const begins = flaws.flatMap(([_flaw, ...found]) => found)
    expect(namesOf(suiteFor({})).filter((name) => !begins.some((begin) => name.startsWith(begin)))).toEqual([])
  })
})
