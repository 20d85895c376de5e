import type { Cost, Permit, TaskScope } from "@sluice/core"
import type { Queued } from "./fair-queue.ts"

/** A call that waits for admission. */
export class Waiter implements Queued {
  readonly cost: Cost
  readonly key: string
  readonly priority: number
  readonly enqueuedMs: number
  readonly scope: TaskScope | undefined
  gone: boolean = false
  deadlineMs: number = Infinity
  heapIndex: number = -1
  /** Signals it listens to: its own, and its scope's. */
  group: WaiterGroup | undefined = undefined
  outerGroup: WaiterGroup | undefined = undefined
  /** Ends its entry among the tasks that hold a permit of the same quota; see `reentry.ts`. */
  endReentry: (() => void) | undefined = undefined
  resolve!: (permit: Permit) => void
  reject!: (reason: unknown) => void

  constructor(cost: Cost, key: string, priority: number, enqueuedMs: number, scope: TaskScope | undefined) {
    this.cost = cost
    this.key = key
    this.priority = priority
    this.enqueuedMs = enqueuedMs
    this.scope = scope
  }
}

/** The waiters of one signal: one listener however many wait. */
interface WaiterGroup {
  readonly signal: AbortSignal
  readonly listener: () => void
  waiters: Waiter[]
  live: number
}

/** Who leaves when which signal aborts. */
export class WaiterGroups {
  readonly #groups = new Map<AbortSignal, WaiterGroup>()
  readonly #leave: (waiter: Waiter, reason: unknown) => void
  /** A whole group is leaving: no use in looking for the next between two of them. */
  aborting: boolean = false

  constructor(leave: (waiter: Waiter, reason: unknown) => void) {
    this.#leave = leave
  }

  join(waiter: Waiter, signal: AbortSignal | undefined): void {
    if (!signal) return
    let group = this.#groups.get(signal)
    if (!group) {
      const listener = (): void => this.#abort(signal)
      group = { signal, listener, waiters: [], live: 0 }
      this.#groups.set(signal, group)
      signal.addEventListener("abort", listener, { once: true })
    }
    group.waiters.push(waiter)
    group.live++
    if (waiter.group) waiter.outerGroup = group
    else waiter.group = group
  }

  leave(waiter: Waiter): void {
    this.#part(waiter, waiter.group)
    this.#part(waiter, waiter.outerGroup)
    waiter.group = waiter.outerGroup = undefined
  }

  #part(waiter: Waiter, group: WaiterGroup | undefined): void {
    if (!group) return
    if (--group.live === 0) {
      this.#groups.delete(group.signal)
      group.signal.removeEventListener("abort", group.listener)
      group.waiters = []
    } else if (!this.aborting && group.waiters.length > 2 * group.live + 64) {
      group.waiters = group.waiters.filter((one) => one !== waiter && (one.group === group || one.outerGroup === group))
    }
  }

  #abort(signal: AbortSignal): void {
    const group = this.#groups.get(signal)
    if (!group) return
    const { waiters } = group
    this.aborting = true
    let last: Waiter | undefined
    for (const waiter of waiters) {
      if (waiter.gone || (waiter.group !== group && waiter.outerGroup !== group)) continue
      if (last) this.#leave(last, signal.reason)
      last = waiter
    }
    this.aborting = false
    // The last one leaves in the ordinary way, which looks for the next in line.
    if (last) this.#leave(last, signal.reason)
  }
}
