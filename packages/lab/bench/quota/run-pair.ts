import { fork, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { oracle, type VendorStats } from "../../src/index.ts"
import { benchScenario, type BenchScenario, type Scale } from "./bench-scenario.ts"
import type { ContestantReport, Order, Sample, VendorWord } from "./messages.ts"

/** One row of the table. */
export interface Row extends ContestantReport {
  readonly scenario: string
  readonly title: string
  readonly contestant: string
  readonly isTold: boolean
  readonly neverEnds: boolean
  readonly calls: number
  readonly oracleMs: number
  readonly ratio: number
  /** Refused for pace, faults not counted. */
  readonly refused: number
  readonly lost: number
  readonly repeated: number
  /** It had to be stopped. */
  readonly isStopped: boolean
  readonly refusedByReason: Readonly<Record<string, number>>
  readonly maxInFlight: number
  readonly timeline: readonly Sample[]
  /** How its process ended instead of reporting: all its answers are lost with it. Or the vendor's: `lost` is NaN then. */
  readonly failure?: string
}

/** What the tests of the referee put in the place of a contestant, and how long they wait for it. */
export interface Setting {
  readonly contestantFile: URL
  readonly wordDueMs: number
  readonly patienceMs: (oracleMs: number) => number
}

const FAULTS = new Set(["overloaded", "outage", "billing", "key"])

/** A process that says nothing for so long, where a word is due at once, hangs. */
const WORD_DUE_MS = 60_000

const setting: Setting = {
  contestantFile: new URL("contestant-process.ts", import.meta.url),
  wordDueMs: WORD_DUE_MS,
  // How long a run goes on at most. Without an end of its own it is given the patience of one that takes 10 s.
  patienceMs: (oracleMs) => 20_000 + 4 * (Number.isFinite(oracleMs) ? oracleMs : 10_000),
}

export function oracleOf({ calls, vendor }: BenchScenario): number {
  return oracle(calls, { ...vendor, networkMs: 0 }).timeMs
}

/** One contestant through one scenario. However the processes end, there is a row. */
export async function runPair(
  name: string,
  scale: Scale,
  contestant: string,
  given: Partial<Setting> = {},
): Promise<Row> {
  const scenario = benchScenario(name, scale)
  const oracleMs = oracleOf(scenario)
  const { title, isTold, neverEnds, calls } = scenario
  const known = { scenario: name, title, contestant, isTold, neverEnds, calls: calls.length, oracleMs }
  const { contestantFile, wordDueMs, patienceMs } = { ...setting, ...given }
  const order: Order = { scenario: name, scale, contestant }
  const vendor = start(new URL("vendor-process.ts", import.meta.url))
  const client = start(contestantFile)
  try {
    tell(vendor, order)
    const { url } = (await wordOf(vendor, "ready")).ready
    const run = await raced(vendor, client, { ...order, url }, { wordDueMs, patienceMs: patienceMs(oracleMs) })
    tell(vendor, "stats")
    const { stats, timeline } = await wordOf(vendor, "stats")
    return {
      ...known,
      ...run,
      ratio: run.timeMs / oracleMs,
      refused: refusedForPace(stats),
      lost: known.calls - run.answered,
      repeated: stats.repeats,
      refusedByReason: stats.refusedByReason,
      maxInFlight: stats.maxInFlight,
      timeline,
    }
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error)
    return { ...known, ...nothingReported, ...nothingCounted, failure }
  } finally {
    // Also when they hang.
    client.kill("SIGKILL")
    vendor.kill("SIGKILL")
  }
}

/** What is known of a contestant whose process never reports: what it had in hand is lost with it. */
const nothingReported: ContestantReport = {
  timeMs: NaN,
  answered: 0,
  errors: [],
  peakRssBytes: NaN,
  idleRssBytes: NaN,
  cpuSeconds: NaN,
  lateMs: NaN,
  events: {},
  trace: [],
}

/** Without the vendor's word nobody knows what was lost. */
const nothingCounted = {
  ratio: NaN,
  refused: NaN,
  lost: NaN,
  repeated: NaN,
  isStopped: false,
  refusedByReason: {},
  maxInFlight: NaN,
  timeline: [],
}

/** The contestant's report, or how it failed to give one. */
async function raced(
  vendor: ChildProcess,
  client: ChildProcess,
  order: Order,
  { wordDueMs, patienceMs }: { readonly wordDueMs: number; readonly patienceMs: number },
): Promise<ContestantReport & Pick<Row, "isStopped" | "failure">> {
  const fromClient = async (withinMs: number): Promise<unknown> => {
    try {
      return await wordFrom(client, withinMs)
    } catch (error) {
      throw new ContestantFailure((error as Error).message)
    }
  }
  let isStopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    tell(client, order)
    await fromClient(wordDueMs)
    tell(vendor, "start")
    const { startedAt } = (await wordOf(vendor, "ready")).ready
    tell(client, { startedAt })
    timer = setTimeout(() => {
      isStopped = true
      tell(client, "report")
    }, patienceMs)
    return { ...((await fromClient(patienceMs + wordDueMs)) as ContestantReport), isStopped }
  } catch (error) {
    if (!(error instanceof ContestantFailure)) throw error
    return { ...nothingReported, isStopped, failure: error.message }
  } finally {
    clearTimeout(timer)
  }
}

class ContestantFailure extends Error {}

function refusedForPace({ refused, refusedByReason }: VendorStats): number {
  return Object.entries(refusedByReason).reduce(
    (sum, [reason, count]) => (FAULTS.has(reason) ? sum - count : sum),
    refused,
  )
}

function start(file: URL): ChildProcess {
  return fork(file, { execArgv: ["--conditions=@sluice/source"] })
}

/** Who is gone is told nothing: `wordFrom` says so. */
function tell(child: ChildProcess, word: Order | { readonly startedAt: number } | string): void {
  child.send(word, () => {})
}

/** The next word of a process; rejects when it dies instead, or says nothing for too long. */
async function wordFrom(child: ChildProcess, withinMs: number): Promise<unknown> {
  const dead = new AbortController()
  const exit = (code: number | null, signal: string | null): void =>
    dead.abort(new Error(`its process ended early (${signal ?? `exit code ${code}`})`))
  const { exitCode, signalCode } = child
  if (exitCode !== null || signalCode !== null) exit(exitCode, signalCode)
  const timer = setTimeout(() => dead.abort(new Error("its process hangs")), withinMs)
  child.once("exit", exit)
  try {
    return ((await once(child, "message", { signal: dead.signal })) as unknown[])[0]
  } catch (error) {
    throw dead.signal.aborted ? dead.signal.reason : error
  } finally {
    clearTimeout(timer)
    child.off("exit", exit)
  }
}

type WordOf<K extends string> = Extract<VendorWord, Readonly<Record<K, unknown>>>

async function wordOf<K extends "ready" | "stats">(vendor: ChildProcess, kind: K): Promise<WordOf<K>> {
  const word = (await wordFrom(vendor, WORD_DUE_MS).catch((error: unknown) => {
    throw new Error(`the vendor failed: ${(error as Error).message}`, { cause: error })
  })) as VendorWord
  if (kind in word) return word as WordOf<K>
  throw new Error(`the vendor's process said ${JSON.stringify(word)} where ${kind} was due`)
}
