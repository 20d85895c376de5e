import type { AdmitOptions, Cost, TaskScope } from "@sluice/core"
import type { AbortGroup } from "../queue/abort-groups.ts"
import { sends } from "../ledger/state.ts"
import type { Ask } from "./ledger.ts"
import type { Queued } from "../queue/queued.ts"
import type { ToldWait } from "./telling/told-wait.ts"
import { Waiter } from "../queue/waiter.ts"

/** A call in a quota's queue. */
export class QueuedCall extends Waiter implements Queued, Ask {
  /** Less than was asked for where a limit was lowered below an estimate. */
  cost: Cost
  readonly certain: Cost | undefined
  readonly place: boolean
  readonly key: string
  readonly priority: number
  /** Since when it waits. Whole: a fraction would cost 16 bytes. */
  readonly enqueuedMs: number
  /** When it first asked, which is its place in the queue. */
  readonly sinceMs: number
  group: AbortGroup | undefined = undefined
  told: ToldWait | undefined = undefined
  isFew = false
  isDue = false

  /** The same as long as it waits: half of what is estimated. */
  readonly least: Cost

  constructor(
    { cost, place, priority = 0 }: Ask,
    options: AdmitOptions | undefined,
    enqueuedMs: number,
    scope: TaskScope | undefined,
  ) {
    super(scope)
    const { certain, since = enqueuedMs, tenant = "" } = options ?? {}
    this.cost = cost
    this.certain = certain
    this.least = certain ? leastOf(cost, certain) : cost
    this.place = place
    // What sends no request is held back by no gate and no rate, and goes past those that are.
    this.key = sends(cost) ? tenant : noRequest
    this.priority = sends(cost) ? priority : Infinity
    this.enqueuedMs = Math.floor(enqueuedMs)
    // One that comes back goes before those who asked in the same millisecond and still wait.
    this.sinceMs = since < enqueuedMs ? Math.floor(since) - 1 : this.enqueuedMs
  }
}

/** The line of those that send none. */
const noRequest = "no request"

/** What is certain, and half of the rest: tokens are estimated from characters, and hardly ever twice as many as there are. */
function leastOf(cost: Cost, certain: Cost): Cost {
  const half = (estimate = 0, sure = 0): number => Math.max(sure, (estimate + sure) / 2)
  return {
    requests: cost.requests ?? 1,
    inputTokens: half(cost.inputTokens, certain.inputTokens),
    outputTokens: half(cost.outputTokens, certain.outputTokens),
  }
}
