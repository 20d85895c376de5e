import { AbortGroups } from "../queue/abort-groups.ts"
import { FairQueue } from "../queue/fair-queue.ts"
import { IndexedHeap } from "../queue/indexed-heap.ts"
import { onAbort } from "../queue/on-abort.ts"
import type { QueuedCall } from "./queued-call.ts"

/** When a call gives up: apart from it, for few have one. */
interface Deadline {
  readonly atMs: number
  readonly call: QueuedCall
  heapIndex: number
}

/**
 * The calls that wait for a quota: who is next, as in any fair queue, and who leaves without a permit, for its signals, its
 * deadline, or because the quota ends.
 */
export class CallQueue extends FairQueue<QueuedCall> {
  readonly #groups = new AbortGroups<QueuedCall>((call, reason) => this.leave(call, reason))
  readonly #deadlines = new IndexedHeap<Deadline>((a, b) => a.atMs < b.atMs)
  readonly #onLeave: (call: QueuedCall, reason: unknown) => void

  /** `onLeave` hears of each call that has left without a permit. */
  constructor(weightOf: (tenant: string) => number, onLeave: (call: QueuedCall, reason: unknown) => void) {
    super(weightOf)
    this.#onLeave = onLeave
  }

  /** Many leave together, and the last of them has not yet: no use in looking for the next. */
  get isAborting(): boolean {
    return this.#groups.isAborting
  }

  /** When the first of them gives up. */
  get deadlineMs(): number {
    return this.#deadlines.first()?.atMs ?? Infinity
  }

  /** A call begins to wait, until `deadlineMs` at most. Returns whether it may be the next of its tenant. */
  enter(call: QueuedCall, signal: AbortSignal | undefined, deadlineMs: number): boolean {
    // Many calls share their scope's signal; one that a call has besides is mostly its own.
    const shared = call.scope?.signal ?? signal
    if (shared) this.#groups.join(call, shared)
    if (signal && signal !== shared) call.atEnd(onAbort(signal, () => this.leave(call, signal.reason)))
    if (deadlineMs < Infinity) {
      const deadline: Deadline = { atMs: deadlineMs, call, heapIndex: -1 }
      this.#deadlines.push(deadline)
      call.atEnd(() => this.#deadlines.remove(deadline))
    }
    return this.push(call)
  }

  /** It is admitted, and its signals are nobody's business here any more. */
  admitted(call: QueuedCall): void {
    this.#groups.part(call)
  }

  /** One that has given up by now, and has not left yet. */
  overdue(nowMs: number): QueuedCall | undefined {
    const first = this.#deadlines.first()
    return first && first.atMs <= nowMs ? first.call : undefined
  }

  /** A call ends without a permit. */
  leave(call: QueuedCall, reason: unknown): void {
    if (call.gone) return
    call.fail(reason)
    this.#groups.part(call)
    this.left(call)
    this.#onLeave(call, reason)
  }
}
