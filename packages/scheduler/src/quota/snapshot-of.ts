import type { LedgerSnapshot } from "./snapshot.ts"
import type { QuotaBeliefs } from "./state.ts"

export function snapshotOf(beliefs: QuotaBeliefs, nowMs: number): LedgerSnapshot {
  const { gate, concurrency } = beliefs
  const shut = nowMs < gate.closedUntilMs
  return {
    inFlight: concurrency.running,
    gate: shut
      ? { state: "closed", reopensInMs: gate.closedUntilMs - nowMs }
      : { state: gate.ramping ? "ramping" : "open" },
    limits: [
      ...(concurrency.limit === Infinity
        ? []
        : [{ name: "concurrency", dimension: "concurrency", limit: concurrency.limit, level: concurrency.level() }]),
      ...beliefs.rates.map((rate) => ({
        name: rate.name,
        dimension: rate.dimension,
        limit: rate.limit,
        level: rate.level(nowMs),
        windowMs: rate.windowMs,
        kind: rate.kind,
        others: rate.others,
        effective: rate.ratePerMs * rate.windowMs,
      })),
      ...beliefs.budgets
        .filter((one) => one.dimension === "usd")
        .map((one) => ({ name: one.name, dimension: one.dimension, limit: one.largest(), level: one.level(nowMs) })),
    ],
  }
}
