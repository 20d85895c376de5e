import { IndexedHeap } from "./indexed-heap.ts"

/** What the queue needs to know of one waiter. */
export interface Queued {
  readonly key: string
  readonly priority: number
  /** When it first asked: its place among those of its key and priority. */
  readonly sinceMs: number
  /** It left by itself (abort, deadline): a tombstone, skipped when its turn comes. */
  readonly gone: boolean
}

interface Lane<W> {
  readonly key: string
  /** Per priority, first in first out. Few priorities are in use at a time. */
  readonly classes: { readonly priority: number; items: (W | undefined)[]; head: number }[]
  /** Virtual time up to which this key has been served, in milliseconds of the quota's throughput. */
  virtualMs: number
  live: number
  /** Left, and still in `items`: at least as many as there are. */
  tombstones: number
  rank: number
  /** -1 while nobody waits under this key. */
  heapIndex: number
}

/** One step of priority is worth this much waiting: a head start that ages, so nothing starves. */
const headStartMs = 5_000

/**
 * Who is next: first in first out per key (a higher priority counts as having come `5 s × priority` earlier), and across keys by start-time
 * fair queueing: the key that has had the least of the quota, measured in its scarcest dimension.
 *
 * Memory is O(waiters); leaving is O(1); finding the next is O(log keys).
 * Source: Goyal, Vin, Cheng 1996 (start-time fair queueing).
 */
export class FairQueue<W extends Queued> {
  readonly #lanes = new Map<string, Lane<W>>()
  readonly #heap = new IndexedHeap<Lane<W>>((a, b) => a.rank < b.rank)
  readonly #weightOf: (key: string) => number
  #virtualMs = 0
  #live = 0

  constructor(weightOf: (key: string) => number = () => 1) {
    this.#weightOf = weightOf
  }

  get size(): number {
    return this.#live
  }

  /** Answers whether the newcomer may be the next of its key. */
  push(waiter: W): boolean {
    let lane = this.#lanes.get(waiter.key)
    if (!lane) {
      lane = {
        key: waiter.key,
        classes: [],
        virtualMs: this.#virtualMs,
        live: 0,
        tombstones: 0,
        rank: 0,
        heapIndex: -1,
      }
      this.#lanes.set(waiter.key, lane)
    }
    let cls = lane.classes.find((one) => one.priority === waiter.priority)
    if (!cls) lane.classes.push((cls = { priority: waiter.priority, items: [], head: 0 }))
    insert(cls, waiter)
    this.#live++
    if (lane.live++ === 0) {
      lane.virtualMs = Math.max(lane.virtualMs, this.#virtualMs)
      lane.rank = this.#rank(lane)
      this.#heap.push(lane)
      return true
    }
    if (lane.classes.length === 1) return this.#head(lane) === waiter
    this.#reorder(lane)
    return true
  }

  /** The waiter is `gone`. */
  left(waiter: W): void {
    const lane = this.#lanes.get(waiter.key)!
    this.#live--
    if (--lane.live === 0) {
      this.#rest(lane)
      if (lane.virtualMs <= this.#virtualMs) this.#lanes.delete(lane.key)
      return
    }
    if (++lane.tombstones > 2 * lane.live + 64) clear(lane)
    if (lane.classes.length > 1) this.#reorder(lane)
  }

  /** The first waiter, or the first that `fits` in fair order. A refused one may bar those behind it by answering `"stop"`. */
  next(fits: (waiter: W) => "take" | "skip" | "stop"): W | undefined {
    const parked: Lane<W>[] = []
    let found: W | undefined
    for (let lane = this.#heap.first(); lane; lane = this.#heap.first()) {
      const waiter = this.#head(lane)!
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
    if (lane.live > 0) this.#reorder(lane)
    if (this.#lanes.size > 2 * this.#heap.size + 64) this.#forgetIdle()
  }

  *[Symbol.iterator](): Generator<W> {
    for (const lane of [...this.#heap].sort((a, b) => a.rank - b.rank)) {
      const waiters = lane.classes.flatMap((cls) => cls.items.slice(cls.head).filter((one) => one && !one.gone)) as W[]
      yield* waiters.sort((a, b) => seniority(a) - seniority(b))
    }
  }

  /** An idle key is forgotten once forgetting it gains it nothing. */
  #forgetIdle(): void {
    for (const lane of this.#lanes.values()) {
      if (lane.live === 0 && lane.virtualMs <= this.#virtualMs) this.#lanes.delete(lane.key)
    }
  }

  #best(lane: Lane<W>): Lane<W>["classes"][number] | undefined {
    let best: Lane<W>["classes"][number] | undefined
    let bestAt = Infinity
    for (let i = lane.classes.length - 1; i >= 0; i--) {
      const cls = lane.classes[i]!
      while (cls.head < cls.items.length && cls.items[cls.head]!.gone) cls.items[cls.head++] = undefined
      if (cls.head === cls.items.length) {
        lane.classes.splice(i, 1)
        continue
      }
      const at = seniority(cls.items[cls.head]!)
      if (at <= bestAt) {
        bestAt = at
        best = cls
      }
    }
    return best
  }

  #head(lane: Lane<W>): W | undefined {
    const cls = this.#best(lane)
    return cls?.items[cls.head]
  }

  #shift(lane: Lane<W>): void {
    const cls = this.#best(lane)!
    cls.items[cls.head++] = undefined
    if (cls.head > 1_024 && cls.head * 2 > cls.items.length) {
      cls.items = cls.items.slice(cls.head)
      cls.head = 0
    }
    this.#live--
    // Not forgotten yet: it is to be charged, or a key that asks anew at once would always come first.
    if (--lane.live === 0) this.#rest(lane)
  }

  #rank(lane: Lane<W>): number {
    return lane.virtualMs - (this.#head(lane)?.priority ?? 0) * headStartMs
  }

  #reorder(lane: Lane<W>): void {
    if (lane.heapIndex < 0) return
    lane.rank = this.#rank(lane)
    this.#heap.moved(lane)
  }

  #rest(lane: Lane<W>): void {
    lane.classes.length = 0
    lane.tombstones = 0
    this.#heap.remove(lane)
    // Nobody waits: all begin anew.
    if (this.#live === 0) this.#lanes.clear()
  }
}

/** Behind all that asked no later: nearly always the end. */
function insert<W extends Queued>(cls: Lane<W>["classes"][number], waiter: W): void {
  const { items } = cls
  let low = cls.head
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
  for (const cls of lane.classes) {
    cls.items = cls.items.slice(cls.head).filter((one) => !one!.gone)
    cls.head = 0
  }
  lane.tombstones = 0
}

function seniority(waiter: Queued): number {
  return waiter.sinceMs - waiter.priority * headStartMs
}
