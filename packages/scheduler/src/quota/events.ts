import type { Settlement, EventSink, SluiceEvent, TaskScope } from "@sluice/core"
import type { LivePermit } from "./permit.ts"
import type { Ledger, Verdict } from "./ledger.ts"
import type { QueuedCall } from "./queued-call.ts"

/** What a quota tells its listener. Made only when there is one. */
export class QuotaEvents {
  readonly #quota: string
  readonly #sink: EventSink
  readonly #ledger: Ledger

  constructor(quota: string, sink: EventSink, ledger: Ledger) {
    this.#quota = quota
    this.#sink = sink
    this.#ledger = ledger
  }

  waiting(atMs: number, waiter: QueuedCall, waiting: number): void {
    const blockedBy = this.#ledger.block(atMs, waiter)?.by ?? "the calls ahead of it"
    const { key: tenant, scope } = waiter
    this.#tell({ type: "permit-wait", atMs, quota: this.#quota, tenant, blockedBy, waiting, ...spanOf(scope) })
  }

  admitted(atMs: number, permit: LivePermit, tenant: string, sinceMs: number): void {
    const quota = this.#quota
    const { cost, inFlight, scope, openedAfterMs } = permit
    if (openedAfterMs !== undefined) this.#tell({ type: "gate-open", atMs, quota, closedMs: openedAfterMs })
    const waitedMs = atMs - sinceMs
    this.#tell({ type: "permit-admit", atMs, quota, tenant, waitedMs, inFlight, cost, ...spanOf(scope) })
  }

  settled(atMs: number, permit: LivePermit, end: Settlement, verdict: Verdict): void {
    const quota = this.#quota
    const { outcome } = end
    const span = spanOf(permit.scope)
    const heldMs = atMs - permit.admittedMs
    const inFlight = this.#ledger.places().running
    this.#tell({ type: "permit-settle", atMs, quota, outcome, heldMs, inFlight, ...span })
    if (outcome === "throttled") {
      const { reason, dimension, retryAfterMs } = end
      this.#tell({
        type: "throttle",
        atMs,
        quota,
        reason,
        ...(dimension && { dimension }),
        ...(retryAfterMs !== undefined && { retryAfterMs }),
        ...span,
      })
    }
    for (const change of verdict.changes) this.#tell({ type: "limit-change", atMs, quota, ...change })
    if (verdict.closed) this.#tell({ type: "gate-close", atMs, quota, ...verdict.closed })
  }

  #tell(event: SluiceEvent): void {
    try {
      this.#sink(event)
    } catch {
      // A sink that throws is its owner's concern: admission must not stop for it.
    }
  }
}

function spanOf(scope: TaskScope | undefined): { runId?: string; spanId?: number } {
  return {
    ...(scope?.runId !== undefined && { runId: scope.runId }),
    ...(scope?.spanId !== undefined && { spanId: scope.spanId }),
  }
}
