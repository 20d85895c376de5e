import { fork, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { oracle, type VendorStats } from "../../src/index.ts"
import { benchScenario, type BenchScenario, type Scale } from "./bench-scenario.ts"
import type { ContestantReport, Order, VendorWord } from "./messages.ts"

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
  /** Why there are no figures: a process of the pair died or hung. */
  readonly failure?: string
}

const FAULTS = new Set(["overloaded", "outage", "billing", "key"])

/** A process that says nothing for so long, where a word is due at once, hangs. */
const WORD_DUE_MS = 60_000

/** How long a run goes on at most. Without an end of its own it is given the patience of one that takes 10 s. */
export function patienceMs(oracleMs: number): number {
  return 20_000 + 4 * (Number.isFinite(oracleMs) ? oracleMs : 10_000)
}

export function oracleOf({ calls, vendor }: BenchScenario): number {
  return oracle(calls, { ...vendor, networkMs: 0 }).timeMs
}

/** One contestant through one scenario. Whatever happens to its process, there is a row. */
export async function runPair(name: string, scale: Scale, contestant: string): Promise<Row> {
  const scenario = benchScenario(name, scale)
  const oracleMs = oracleOf(scenario)
  const known = {
    scenario: name,
    title: scenario.title,
    contestant,
    isTold: scenario.isTold,
    neverEnds: scenario.neverEnds,
    calls: scenario.calls.length,
    oracleMs,
  }
  try {
    return { ...known, ...(await race(scenario, oracleMs, { scenario: name, scale, contestant })) }
  } catch (error) {
    return { ...known, ...nothing, failure: error instanceof Error ? error.message : String(error) }
  }
}

type Outcome = Omit<Row, "scenario" | "title" | "contestant" | "isTold" | "neverEnds" | "calls" | "oracleMs">

const nothing: Outcome = {
  timeMs: NaN,
  answered: NaN,
  errors: [],
  peakRssBytes: NaN,
  idleRssBytes: NaN,
  cpuSeconds: NaN,
  lateMs: NaN,
  events: {},
  trace: [],
  ratio: NaN,
  refused: NaN,
  lost: NaN,
  repeated: NaN,
  isStopped: false,
  refusedByReason: {},
  maxInFlight: NaN,
}

/** The contestant's process, the vendor's process, and the truth of both. */
async function race(scenario: BenchScenario, oracleMs: number, order: Order): Promise<Outcome> {
  const vendor = start("vendor-process.ts")
  const client = start("contestant-process.ts")
  try {
    vendor.send(order)
    const { url } = (await wordOf(vendor, "ready")).ready
    client.send({ ...order, url } satisfies Order)
    await wordFrom(client)
    vendor.send("start")
    const { startedAt } = (await wordOf(vendor, "ready")).ready
    client.send({ startedAt })

    const enoughMs = patienceMs(oracleMs)
    const reported = wordFrom(client, enoughMs + WORD_DUE_MS) as Promise<ContestantReport>
    let isStopped = false
    const timer = setTimeout(() => {
      isStopped = true
      client.send("report")
    }, enoughMs)
    const report = await reported.finally(() => clearTimeout(timer))
    vendor.send("stats")
    const { stats } = await wordOf(vendor, "stats")
    return {
      ...report,
      ratio: report.timeMs / oracleMs,
      refused: refusedForPace(stats),
      lost: scenario.calls.length - report.answered,
      repeated: stats.repeats,
      isStopped,
      refusedByReason: stats.refusedByReason,
      maxInFlight: stats.maxInFlight,
    }
  } finally {
    // Also when they hang.
    client.kill("SIGKILL")
    vendor.kill("SIGKILL")
  }
}

function refusedForPace({ refused, refusedByReason }: VendorStats): number {
  return Object.entries(refusedByReason).reduce(
    (sum, [reason, count]) => (FAULTS.has(reason) ? sum - count : sum),
    refused,
  )
}

function start(file: string): ChildProcess {
  return fork(new URL(file, import.meta.url), { execArgv: ["--conditions=@sluice/source"] })
}

/** The next word of a process; rejects when it dies instead, or says nothing for too long. */
async function wordFrom(child: ChildProcess, withinMs = WORD_DUE_MS): Promise<unknown> {
  const dead = new AbortController()
  const exit = (code: number | null, signal: string | null): void =>
    dead.abort(new Error(`its process ended early (${signal ?? `exit code ${code}`})`))
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
  const word = (await wordFrom(vendor)) as VendorWord
  if (kind in word) return word as WordOf<K>
  throw new Error(`the vendor's process said ${JSON.stringify(word)} where ${kind} was due`)
}
