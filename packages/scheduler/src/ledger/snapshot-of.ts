import type { LedgerSnapshot } from "../quota/snapshot.ts"
import type { LedgerState } from "./state.ts"

export function snapshotOf(state: LedgerState, nowMs: number): LedgerSnapshot {
  const { gate, concurrency } = state
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
      ...state.limits.map((limit) => ({
        name: limit.name,
        dimension: limit.dimension,
        limit: Math.min(limit.limit, limit.fullPerMs(nowMs) * limit.windowMs),
        level: limit.level(nowMs) - (limit.kind === "bucket" ? limit.jitterAt(nowMs) : 0),
        windowMs: limit.windowMs,
        kind: limit.kind,
        ...(limit.kind === "bucket" && { burst: limit.depthAt(nowMs) - limit.jitterAt(nowMs) }),
        earlyMs: limit.early.at(nowMs),
        others: limit.others,
        effective: limit.perMs(nowMs) * limit.windowMs,
      })),
      ...state.budgets
        .filter((one) => one.dimension === "usd")
        .map((one) => ({ name: one.name, dimension: one.dimension, limit: one.largest(), level: one.level(nowMs) })),
    ],
  }
}
