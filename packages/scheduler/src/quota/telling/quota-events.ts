import type { EventSink, QuotaState, Settlement, SluiceEvent, TaskScope } from "@sluice/core"
import { captureContext } from "../../runtime/async-context.ts"
import type { LivePermit } from "../permit.ts"
import { ahead } from "../errors.ts"
import type { Ledger, Consequence } from "../ledger.ts"
import type { QueuedCall } from "../queued-call.ts"
import type { ToldWait } from "./told-wait.ts"

/** What a quota tells its listener. Made only when there is one. */
export class QuotaEvents {
  readonly #quota: string
  readonly #sink: EventSink
  readonly #ledger: Ledger
  /** Listeners hold it weakly. */
  readonly #state: () => QuotaState

  constructor(quota: string, sink: EventSink, ledger: Ledger, state: () => QuotaState) {
    this.#quota = quota
    this.#sink = sink
    this.#ledger = ledger
    this.#state = state
  }

  opened(): void {
    try {
      this.#sink.watch?.(this.#state)
    } catch {
      // As below.
    }
  }

  waiting(atMs: number, waiter: QueuedCall, waiting: number): void {
    const blockedBy = this.#ledger.block(atMs, waiter)?.by ?? ahead
    const { key: tenant, scope } = waiter
    waiter.told = { blockedBy, inContext: captureContext() }
    this.#tell({ type: "permit-wait", atMs, quota: this.#quota, tenant, blockedBy, waiting, ...spanOf(scope) })
  }

  left(atMs: number, waiter: QueuedCall, error: unknown, waiting: number): void {
    const { key: tenant, scope, enqueuedMs, told } = waiter
    if (!told) return
    const { blockedBy, inContext } = told
    const quota = this.#quota
    const waitedMs = atMs - enqueuedMs
    const event = { type: "permit-leave", atMs, quota, tenant, waitedMs, blockedBy, waiting, error } as const
    inContext(() => this.#tell({ ...event, ...spanOf(scope) }))
  }

  admitted(atMs: number, permit: LivePermit, tenant: string, sinceMs: number, told?: ToldWait): void {
    const quota = this.#quota
    const { cost, inFlight, scope, openedAfterMs } = permit
    if (openedAfterMs !== undefined) this.#tell({ type: "gate-open", atMs, quota, closedMs: openedAfterMs })
    const admit = { type: "permit-admit", atMs, quota, tenant, waitedMs: atMs - sinceMs, inFlight, cost } as const
    if (!told) return this.#tell({ ...admit, ...spanOf(scope) })
    const { blockedBy, inContext } = told
    inContext(() => this.#tell({ ...admit, blockedBy, ...spanOf(scope) }))
  }

  settled(atMs: number, permit: LivePermit, end: Settlement, consequence: Consequence): void {
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
        ...(consequence.cause !== undefined && { cause: consequence.cause }),
        ...(consequence.observed !== undefined && { observed: consequence.observed }),
        ...span,
      })
    }
    for (const change of consequence.changes) this.#tell({ type: "limit-change", atMs, quota, ...change })
    if (consequence.closed) this.#tell({ type: "gate-close", atMs, quota, ...consequence.closed })
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
