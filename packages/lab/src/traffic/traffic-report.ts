import type { VendorTruth } from "../vendor/truth.ts"
import type { TrafficCall } from "./traffic-call.ts"
import type { CallEnd } from "./traffic-client.ts"
import type { TrafficOracle } from "./traffic-oracle.ts"
import type { TrafficShape } from "./traffic-shape.ts"

export interface Quantiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** What became of a shape's calls. */
export interface TrafficReport {
  readonly shape: string
  readonly calls: number
  readonly answered: number
  /** Given up by their own callers. */
  readonly aborted: number
  /** Ended because a day's total or the account was gone, as the vendor had it. */
  readonly exhausted: number
  /** Refused for good, or given up, and nobody who keeps to what was told and to the time-out could have had them answered. */
  readonly impossible: number
  /** Calls that should have had an answer and have none, by how they ended; `unsettled` had not ended when it was stopped. */
  readonly lost: number
  readonly lostBy: Readonly<Record<string, number>>
  /** Answers to calls that had one already. */
  readonly repeated: number
  /** Attempts to which a limit said no; `faulted`: an injected fault. */
  readonly refused: number
  readonly faulted: number
  /** `refused / answered`. */
  readonly refusedRatio: number
  /** When calls first waited while no call was in flight or about to be tried again, and the limiter had set no timer. */
  readonly hungAtMs: number | undefined
  /** What was not given back at the end. `timers` and `waiting` are the limiter's. */
  readonly left: {
    readonly inFlight: number
    readonly waiting: number
    readonly listeners: number
    readonly timers: number
  }
  /**
   * Over the time that the same call takes with somebody who knows the vendor; by priority, and of all together. The network's jitter
   * apart, which the answered attempt met.
   */
  readonly addedMs: Quantiles
  readonly addedMsByPriority: Readonly<Record<number, Quantiles>>
  /** Until the last call had ended, the oracle's, and their ratio: `NaN` where not every call could be answered. */
  readonly timeMs: number
  readonly oracleMs: number
  readonly ratio: number
  readonly truth: VendorTruth
}

/** What a report is made from. */
interface Observed {
  readonly shape: TrafficShape
  readonly calls: readonly TrafficCall[]
  /** How those ended that did. */
  readonly ends: ReadonlyMap<string, CallEnd>
  readonly latencyMs: ReadonlyMap<string, number>
  readonly timeMs: number
  readonly oracle: TrafficOracle
  readonly hungAtMs: number | undefined
  readonly left: TrafficReport["left"]
  readonly truth: VendorTruth
}

export function trafficReport({
  shape,
  calls,
  ends,
  latencyMs,
  timeMs,
  oracle,
  hungAtMs,
  left,
  truth,
}: Observed): TrafficReport {
  const counts = { answered: 0, aborted: 0, exhausted: 0, impossible: 0, lost: 0 }
  const lostBy: Record<string, number> = {}
  for (const { id } of calls) {
    const end = ends.get(id) ?? "unsettled"
    if (end === "answered") counts.answered++
    else if (end === "aborted") counts.aborted++
    else if (end === "quota-exhausted") counts.exhausted++
    else if (end !== "unsettled" && !oracle.latencyMs.has(id)) counts.impossible++
    else {
      counts.lost++
      lostBy[end] = (lostBy[end] ?? 0) + 1
    }
  }
  const addedOf = (chosen: readonly TrafficCall[]): Quantiles =>
    quantilesOf(
      chosen.flatMap(({ id }) => {
        const [ours, best] = [latencyMs.get(id), oracle.latencyMs.get(id)]
        return ours === undefined || best === undefined ? [] : [Math.max(0, ours - best)]
      }),
    )
  const priorities = [...new Set(calls.map(({ priority }) => priority))]
  const faulted = faults.reduce((sum, reason) => sum + (truth.refusedByReason[reason] ?? 0), 0)
  const refused = truth.refused - faulted
  const { answered, exhausted, impossible } = counts
  return {
    shape: shape.name,
    calls: calls.length,
    ...counts,
    lostBy,
    repeated: truth.repeats,
    refused,
    faulted,
    refusedRatio: answered === 0 ? (refused === 0 ? 0 : Infinity) : refused / answered,
    hungAtMs,
    left,
    addedMs: addedOf(calls),
    addedMsByPriority: Object.fromEntries(
      priorities.map((one) => [one, addedOf(calls.filter(({ priority }) => priority === one))]),
    ),
    timeMs,
    oracleMs: oracle.timeMs,
    ratio: exhausted + impossible > 0 || answered === 0 ? Number.NaN : timeMs / oracle.timeMs,
    truth,
  }
}

const faults = ["overloaded", "outage", "billing", "key"]

/** Nearest rank. */
function quantilesOf(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), p999: at(0.999), max: at(1) }
}
