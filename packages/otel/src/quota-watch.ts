import type { BatchObservableResult, Meter } from "@opentelemetry/api"
import type { QuotaState } from "@sluice/core"
import type { EventOf } from "./event-of.ts"

/** What is known of the quotas of one name. */
interface WatchedQuota {
  /** Held weakly: a quota lives as long as it is used, not as long as it is watched. */
  states: WeakRef<() => QuotaState>[]
  /** How long its gate was closed, in all. */
  closedMs: number
  closedSinceMs: number | undefined
}

/** The state of quotas, read when metrics are collected. */
export class QuotaWatch {
  readonly #quotas = new Map<string, WatchedQuota>()

  add(state: () => QuotaState): QuotaState {
    const now = state()
    const { quota } = now
    const watched = this.#quotas.get(quota) ?? { states: [], closedMs: 0, closedSinceMs: undefined }
    watched.states = [...watched.states.filter((each) => each.deref()), new WeakRef(state)]
    this.#quotas.set(quota, watched)
    return now
  }

  gate(event: EventOf<"gate-close" | "gate-open">): void {
    const watched = this.#quotas.get(event.quota)
    if (!watched) return
    if (event.type === "gate-close") watched.closedSinceMs ??= event.atMs
    else {
      watched.closedMs += event.atMs - (watched.closedSinceMs ?? event.atMs)
      watched.closedSinceMs = undefined
    }
  }

  /** Registers what is read at each collection. */
  observe(meter: Meter): void {
    const limit = meter.createObservableGauge("sluice.quota.limit", {
      description: "A limit of a quota, as believed now: per window, calls at once, or dollars.",
    })
    const level = meter.createObservableGauge("sluice.quota.level", {
      description: "What could be taken of a limit now; negative in debt.",
    })
    const inFlight = meter.createObservableUpDownCounter("sluice.quota.in_flight", {
      unit: "{call}",
      description: "Calls that hold a permit.",
    })
    const waiting = meter.createObservableUpDownCounter("sluice.quota.waiting", {
      unit: "{call}",
      description: "Calls that wait for a permit.",
    })
    const closed = meter.createObservableCounter("sluice.quota.gate_closed", {
      unit: "s",
      description: "Time that the gate was closed after refusals.",
    })
    meter.addBatchObservableCallback(
      (result: BatchObservableResult) => {
        for (const [quota, watched] of this.#quotas) {
          const states = watched.states.flatMap((each) => each.deref()?.() ?? [])
          const newest = states.at(-1)
          const of = { "sluice.quota": quota }
          result.observe(inFlight, sum(states, "inFlight"), of)
          result.observe(waiting, sum(states, "waiting"), of)
          if (!newest) {
            // An SDK goes on telling the last value of what is no more: let that be none.
            this.#quotas.delete(quota)
            continue
          }
          for (const each of newest.limits) {
            const attributes = { ...of, "sluice.limit": each.name, "sluice.dimension": each.dimension }
            result.observe(limit, each.limit, attributes)
            result.observe(level, each.level, attributes)
          }
          const { closedSinceMs } = watched
          const openMs = closedSinceMs === undefined ? 0 : Math.max(0, newest.atMs - closedSinceMs)
          result.observe(closed, (watched.closedMs + openMs) / 1000, of)
        }
      },
      [limit, level, inFlight, waiting, closed],
    )
  }
}

function sum(states: readonly QuotaState[], what: "inFlight" | "waiting"): number {
  return states.reduce((total, state) => total + state[what], 0)
}
