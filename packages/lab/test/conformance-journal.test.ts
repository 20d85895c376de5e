import { SluiceError, type Journal, type Outcome, type RecordIdentity } from "@sluice/core"
import { describe, expect, it } from "vitest"
import { testJournal, type JournalPlace } from "../src/index.ts"
import { failuresOf } from "./failures-of.ts"

interface Flaws {
  forgets?: boolean
  ignores?: keyof RecordIdentity
  sharesRuns?: boolean
  swallows?: boolean
}

const sorted = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(
        Object.entries(value)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, inner]) => [key, sorted(inner)]),
      )
    : value

/** The contract in memory, with faults on demand. */
function memoryPlace({ forgets, ignores, sharesRuns, swallows }: Flaws = {}): JournalPlace {
  const stored = new Map<string, Outcome<unknown>>()
  const nameOf = (runId: string, { key, index, ...rest }: RecordIdentity): string =>
    JSON.stringify(
      sorted({
        ...(sharesRuns ? {} : { runId }),
        ...rest,
        ...(key === undefined ? { index } : { key }),
        ...(ignores ? { [ignores]: 0 } : {}),
      }),
    )
  const open = (): Journal => {
    if (forgets) stored.clear()
    return {
      async openRun({ runId }) {
        const claims = new Map<string, number | undefined>()
        return {
          lookup(identity) {
            const { key, index } = identity
            if (key !== undefined) {
              if (claims.has(key) && claims.get(key) !== index)
                throw new SluiceError("duplicate-key", `Two items have the key "${key}".`)
              claims.set(key, index)
            }
            const outcome = stored.get(nameOf(runId, identity))
            if (!outcome) return undefined
            const { attempts } = outcome
            return outcome.status === "ok"
              ? { status: "ok", value: outcome.value, attempts }
              : { status: "failed", error: outcome.error, attempts }
          },
          async settle(identity, outcome) {
            if (
              !swallows &&
              outcome.status === "ok" &&
              /function|bigint/.test(
                typeof outcome.value + typeof (outcome.value as { deep?: unknown[] } | undefined)?.deep?.[0],
              )
            ) {
              throw new SluiceError("not-serialisable", `The value of "${identity.node}" cannot be stored.`)
            }
            stored.set(nameOf(runId, identity), outcome)
          },
          async end() {},
        }
      },
    }
  }
  return { open }
}

describe("testJournal", () => {
  testJournal(memoryPlace, { describe, it })

  it.each<[Flaws, string]>([
    [{ forgets: true }, "keeps the last of two outcomes of one item"],
    [{ ignores: "input" }, "does not take another input for the same"],
    [{ ignores: "version" }, "does not take another version for the same"],
    [{ ignores: "visit" }, "does not take another visit for the same"],
    [{ sharesRuns: true }, "keeps runs apart"],
    [{ swallows: true }, "refuses a value that would not come back, naming the node, and stores nothing"],
  ])("finds %o", async (flaws, name) => {
    expect(await failuresOf((framework) => testJournal(() => memoryPlace(flaws), framework))).toContain(name)
  })
})
