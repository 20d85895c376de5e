import { fork, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { oracle, type VendorStats } from "../../src/index.ts"
import { benchScenario, type Scale } from "./bench-scenario.ts"
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
}

const FAULTS = new Set(["overloaded", "outage", "billing", "key"])

/** One contestant through one scenario: its process, the vendor's process, and the truth of both. */
export async function runPair(name: string, scale: Scale, contestant: string): Promise<Row> {
  const scenario = benchScenario(name, scale)
  const oracleMs = oracle(scenario.calls, { ...scenario.vendor, networkMs: 0 }).timeMs
  const order: Order = { scenario: name, scale, contestant }
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

    const reported = wordFrom(client) as Promise<ContestantReport>
    const enoughMs = 20_000 + 4 * (Number.isFinite(oracleMs) ? oracleMs : 10_000)
    let isStopped = false
    const timer = setTimeout(() => {
      isStopped = true
      client.send("report")
    }, enoughMs)
    const report = await reported
    clearTimeout(timer)
    vendor.send("stats")
    const { stats } = await wordOf(vendor, "stats")
    return {
      ...report,
      scenario: name,
      title: scenario.title,
      contestant,
      isTold: scenario.isTold,
      neverEnds: scenario.neverEnds,
      calls: scenario.calls.length,
      oracleMs,
      ratio: report.timeMs / oracleMs,
      refused: refusedForPace(stats),
      lost: scenario.calls.length - report.answered,
      repeated: stats.repeats,
      isStopped,
      refusedByReason: stats.refusedByReason,
      maxInFlight: stats.maxInFlight,
    }
  } finally {
    client.kill()
    vendor.kill()
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

/** The next word of a process; rejects when it dies instead. */
async function wordFrom(child: ChildProcess): Promise<unknown> {
  const dead = new AbortController()
  const word = once(child, "message", { signal: dead.signal })
  const exit = (code: number | null): void => dead.abort(new Error(`a process of the benchmark ended early (${code})`))
  child.once("exit", exit)
  try {
    return ((await word) as unknown[])[0]
  } finally {
    child.off("exit", exit)
  }
}

type WordOf<K extends string> = Extract<VendorWord, Readonly<Record<K, unknown>>>

async function wordOf<K extends "ready" | "stats">(vendor: ChildProcess, kind: K): Promise<WordOf<K>> {
  const word = (await wordFrom(vendor)) as VendorWord
  if (kind in word) return word as WordOf<K>
  throw new Error(`the vendor's process said ${JSON.stringify(word)} where ${kind} was due`)
}
