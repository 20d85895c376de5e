import { IndexedHeap } from "./indexed-heap.ts"
import type { Queued } from "./queued.ts"

interface Lane<W> {
  readonly key: string
  /** First in first out, from `head` on. */
  items: (W | undefined)[]
  head: number
  /** Virtual time up to which this key has been served, in milliseconds of the quota's throughput. */
  virtualMs: number
  live: number
  /** Left, and still in `items`: at least as many as there are. */
  tombstones: number
  /** -1 while nobody waits under this key. */
  heapIndex: number
}

/**
 * Waiters of one priority: first in first out per key, and across keys by start-time fair queueing: the key that has had the least of
 * the quota, measured in its scarcest dimension.
 *
 * Memory is O(waiters); leaving is O(1); finding the next is O(log keys).
 * Source: Goyal, Vin, Cheng 1996 (start-time fair queueing).
 */
export class FairLanes<W extends Queued> {
  readonly priority: number
  readonly #lanes = new Map<string, Lane<W>>()
  readonly #heap = new IndexedHeap<Lane<W>>((a, b) => a.virtualMs < b.virtualMs)
  readonly #weightOf: (key: string) => number
  #virtualMs = 0
  #live = 0

  constructor(priority: number, weightOf: (key: string) => number) {
    this.priority = priority
    this.#weightOf = weightOf
  }

  get size(): number {
    return this.#live
  }

  /** Returns whether the newcomer may be the next of its key. */
  push(waiter: W): boolean {
    let lane = this.#lanes.get(waiter.key)
    if (!lane) {
      const { key } = waiter
      lane = { key, items: [], head: 0, virtualMs: this.#virtualMs, live: 0, tombstones: 0, heapIndex: -1 }
      this.#lanes.set(key, lane)
    }
    insert(lane, waiter)
    this.#live++
    if (lane.live++ > 0) return headOf(lane) === waiter
    lane.virtualMs = Math.max(lane.virtualMs, this.#virtualMs)
    this.#heap.push(lane)
    return true
  }

  /** The waiter is `gone`. */
  left(waiter: W): void {
    const lane = this.#lanes.get(waiter.key)!
    this.#live--
    if (--lane.live === 0) {
      this.#rest(lane)
      if (lane.virtualMs <= this.#virtualMs) this.#lanes.delete(lane.key)
    } else if (++lane.tombstones > 2 * lane.live + 64) clear(lane)
  }

  /** Since when the one waits who would be next. */
  get sinceMs(): number {
    const lane = this.#heap.first()
    return lane ? headOf(lane)!.sinceMs : Infinity
  }

  /** The first waiter that `fits` in fair order. */
  next(fits: (waiter: W) => "take" | "skip" | "stop"): W | undefined {
    const parked: Lane<W>[] = []
    let found: W | undefined
    for (let lane = this.#heap.first(); lane; lane = this.#heap.first()) {
      const waiter = headOf(lane)!
      const answer = fits(waiter)
      if (answer === "take") {
        this.#shift(lane)
        found = waiter
        break
      }
      if (answer === "stop" || this.#heap.size === 1) break
      parked.push(lane)
      this.#heap.remove(lane)
    }
    for (const lane of parked) this.#heap.push(lane)
    return found
  }

  /** The key was served `weighMs` of the quota's throughput. */
  charge(key: string, weighMs: number): void {
    const lane = this.#lanes.get(key)
    if (!lane) return
    this.#virtualMs = Math.max(this.#virtualMs, lane.virtualMs)
    lane.virtualMs += weighMs / this.#weightOf(key)
    if (lane.live > 0) this.#heap.moved(lane)
    if (this.#lanes.size > 2 * this.#heap.size + 64) this.#forgetIdle()
  }

  /** In fair order of keys, as if each were served whole. */
  *[Symbol.iterator](): Generator<W> {
    for (const lane of [...this.#heap].sort((a, b) => a.virtualMs - b.virtualMs)) {
      for (let i = lane.head; i < lane.items.length; i++) if (!lane.items[i]!.gone) yield lane.items[i]!
    }
  }

  /** An idle key is forgotten once forgetting it gains it nothing. */
  #forgetIdle(): void {
    for (const lane of this.#lanes.values()) {
      if (lane.live === 0 && lane.virtualMs <= this.#virtualMs) this.#lanes.delete(lane.key)
    }
  }

  #shift(lane: Lane<W>): void {
    lane.items[lane.head++] = undefined
    if (lane.head > 1_024 && lane.head * 2 > lane.items.length) {
      lane.items = lane.items.slice(lane.head)
      lane.head = 0
    }
    this.#live--
    // Not forgotten yet: it is to be charged, or a key that asks anew at once would always come first.
    if (--lane.live === 0) this.#rest(lane)
  }

  #rest(lane: Lane<W>): void {
    lane.items = []
    lane.head = lane.tombstones = 0
    this.#heap.remove(lane)
    // Nobody waits: all begin anew.
    if (this.#live === 0) this.#lanes.clear()
  }
}

function headOf<W extends Queued>(lane: Lane<W>): W | undefined {
  while (lane.head < lane.items.length && lane.items[lane.head]!.gone) lane.items[lane.head++] = undefined
  return lane.items[lane.head]
}

/** Behind all that asked no later: nearly always the end. */
function insert<W extends Queued>({ items, head }: Lane<W>, waiter: W): void {
  let low = head
  let high = items.length
  if (high === low || items[high - 1]!.sinceMs <= waiter.sinceMs) return void items.push(waiter)
  while (low < high) {
    const middle = (low + high) >> 1
    if (items[middle]!.sinceMs <= waiter.sinceMs) low = middle + 1
    else high = middle
  }
  items.splice(low, 0, waiter)
}

function clear<W extends Queued>(lane: Lane<W>): void {
  lane.items = lane.items.slice(lane.head).filter((one) => !one!.gone)
  lane.head = lane.tombstones = 0
}
