import type { QuotaState } from "@sluice/core"
import type { QuotaView } from "../wire.ts"

/** The quotas of a run, held weakly: one lives as long as it is used, not as long as it is looked at. */
export class WatchedQuotas {
  readonly #states: WeakRef<() => QuotaState>[] = []

  add(state: () => QuotaState): void {
    this.#states.push(new WeakRef(state))
  }

  now(): QuotaView[] {
    const states = this.#states.flatMap((each) => each.deref()?.() ?? [])
    // One that was before, and is not collected yet, says nothing.
    const last = new Map(states.map((state) => [state.quota, state]))
    return states
      .filter((state) => state === last.get(state.quota) || state.inFlight + state.waiting > 0)
      .map(({ quota, inFlight, waiting, gate, limits }) => {
        return { name: quota, inFlight, waiting, gate: gate.state, limits: limits.map(plain) }
      })
  }
}

function plain({ name, dimension, limit, level, windowMs }: QuotaState["limits"][number]): QuotaView["limits"][number] {
  return { name, dimension, limit, level, ...(windowMs !== undefined && { windowMs }) }
}

/** Per minute, of all quotas together; nothing where none counts it by the minute. */
export function perMinute(quotas: readonly QuotaView[], dimensions: readonly string[]): number | undefined {
  const known = quotas.flatMap(({ limits }) =>
    limits.filter(({ dimension, windowMs }) => windowMs === 60_000 && dimensions.includes(dimension)),
  )
  return known.length === 0 ? undefined : known.reduce((sum, { limit }) => sum + limit, 0)
}

/** Of all quotas together. */
export function totalOf(each: ReadonlyMap<string, number>): number {
  return [...each.values()].reduce((sum, count) => sum + count, 0)
}
