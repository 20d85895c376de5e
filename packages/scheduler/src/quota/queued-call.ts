import type { Cost, TaskScope } from "@sluice/core"
import type { AbortGroup } from "../queue/abort-groups.ts"
import type { Queued } from "../queue/fair-queue.ts"
import { Waiter } from "../queue/waiter.ts"

/** A call in a quota's queue. */
export class QueuedCall extends Waiter implements Queued {
  /** Less than was asked for where a limit was lowered below an estimate. */
  cost: Cost
  readonly certain: Cost | undefined
  readonly key: string
  readonly priority: number
  /** Whole: a fraction would cost 16 bytes. */
  readonly enqueuedMs: number
  group: AbortGroup | undefined = undefined

  constructor(
    cost: Cost,
    certain: Cost | undefined,
    key: string,
    priority: number,
    enqueuedMs: number,
    scope: TaskScope | undefined,
  ) {
    super(scope)
    this.cost = cost
    this.certain = certain
    this.key = key
    this.priority = priority
    this.enqueuedMs = Math.floor(enqueuedMs)
  }
}

/** When a call gives up: apart from it, for few have one. */
export interface Deadline {
  readonly atMs: number
  readonly waiter: QueuedCall
  heapIndex: number
}
