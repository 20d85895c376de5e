import type { EventSink, Feedback, SettleOutcome, SluiceEvent, TaskScope } from "@sluice/core"
import type { LivePermit } from "./permit.ts"
import type { QuotaBeliefs } from "./state.ts"
import type { Verdict } from "./learning.ts"
import type { QueuedCall } from "./queued-call.ts"

/** What a quota tells its listener. Made only when there is one. */
export class QuotaEvents {
  readonly #quota: string
  readonly #sink: EventSink
  readonly #beliefs: QuotaBeliefs

  constructor(quota: string, sink: EventSink, beliefs: QuotaBeliefs) {
    this.#quota = quota
    this.#sink = sink
    this.#beliefs = beliefs
  }

  waiting(atMs: number, waiter: QueuedCall, waiting: number): void {
    const blockedBy = this.#beliefs.block(atMs, waiter.cost)?.by ?? "the calls ahead of it"
    const { key, scope } = waiter
    this.#tell({ type: "permit-wait", atMs, quota: this.#quota, key, blockedBy, waiting, ...spanOf(scope) })
  }

  admitted(atMs: number, permit: LivePermit, key: string, sinceMs: number, opened: boolean): void {
    const quota = this.#quota
    const { cost, inFlight, scope } = permit
    if (opened) this.#tell({ type: "gate-open", atMs, quota, closedMs: atMs - this.#beliefs.gate.closedAtMs })
    const waitedMs = atMs - sinceMs
    this.#tell({ type: "permit-admit", atMs, quota, key, waitedMs, inFlight, cost, ...spanOf(scope) })
  }

  settled(
    atMs: number,
    permit: LivePermit,
    outcome: SettleOutcome,
    feedback: Feedback | undefined,
    verdict: Verdict,
  ): void {
    const quota = this.#quota
    const span = spanOf(permit.scope)
    const heldMs = atMs - permit.admittedMs
    const inFlight = this.#beliefs.concurrency.running
    this.#tell({ type: "permit-settle", atMs, quota, outcome, heldMs, inFlight, ...span })
    if (outcome === "throttled") {
      const { refusal, retryAfterMs } = feedback ?? {}
      this.#tell({
        type: "throttle",
        atMs,
        quota,
        reason: refusal?.reason ?? "rate",
        ...(refusal?.dimension && { dimension: refusal.dimension }),
        ...(retryAfterMs !== undefined && { retryAfterMs }),
        ...span,
      })
    }
    for (const change of verdict.changes) this.#tell({ type: "limit-change", atMs, quota, ...change })
    if (verdict.closed) {
      this.#tell({ type: "gate-close", atMs, quota, untilMs: this.#beliefs.gate.closedUntilMs, reason: verdict.closed })
    }
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
