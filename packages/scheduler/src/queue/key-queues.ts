import type { Cost } from "@sluice/core"
import { IndexedHeap } from "./indexed-heap.ts"
import type { Queued } from "./queued.ts"

interface KeyQueue<W> {
  readonly key: string
  /** Counted as they came. */
  readonly order: number
  /** First in first out, from `head` on. */
  items: (W | undefined)[]
  head: number
  /** Virtual time up to which this key has been served, in milliseconds of the quota's throughput. */
  virtualMs: number
  live: number
  /** Left, and still in `items`: at least as many as there are. */
  tombstones: number
  /** What those who wait will take at least, together. */
  readonly least: { requests: number; inputTokens: number; outputTokens: number }
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
export class KeyQueues<W extends Queued> {
  readonly priority: number
  readonly #queues = new Map<string, KeyQueue<W>>()
  readonly #heap = new IndexedHeap<KeyQueue<W>>((a, b) => byTurn(a, b) < 0)
  readonly #weightOf: (key: string) => number
  #virtualMs = 0
  #live = 0
  #made = 0

  constructor(priority: number, weightOf: (key: string) => number) {
    this.priority = priority
    this.#weightOf = weightOf
  }

  get size(): number {
    return this.#live
  }

  /** Returns whether the newcomer may be the next of its key. */
  push(waiter: W): boolean {
    let queue = this.#queues.get(waiter.key)
    if (!queue) {
      queue = emptyQueue<W>(waiter.key, this.#made++, this.#virtualMs)
      this.#queues.set(waiter.key, queue)
    }
    insert(queue, waiter)
    count(queue, waiter, 1)
    this.#live++
    if (queue.live++ > 0) return headOf(queue) === waiter
    queue.virtualMs = Math.max(queue.virtualMs, this.#virtualMs)
    this.#heap.push(queue)
    return true
  }

  /** The waiter is `gone`. */
  left(waiter: W): void {
    const queue = this.#queues.get(waiter.key)!
    count(queue, waiter, -1)
    this.#live--
    if (--queue.live === 0) {
      this.#rest(queue)
      if (queue.virtualMs <= this.#virtualMs) this.#queues.delete(queue.key)
    } else if (++queue.tombstones > 2 * queue.live + 64) clear(queue)
  }

  /** What those who wait under this key will take at least, together. */
  ahead(key: string): Cost | undefined {
    const queue = this.#queues.get(key)
    return queue && queue.live > 0 ? queue.least : undefined
  }

  /** Since when the one waits who would be next. */
  get sinceMs(): number {
    const queue = this.#heap.first()
    return queue ? headOf(queue)!.sinceMs : Infinity
  }

  /** The first waiter that `fits` in fair order. */
  next(fits: (waiter: W) => "take" | "skip" | "stop"): W | undefined {
    const parked: KeyQueue<W>[] = []
    let found: W | undefined
    for (let queue = this.#heap.first(); queue; queue = this.#heap.first()) {
      const waiter = headOf(queue)!
      const answer = fits(waiter)
      if (answer === "take") {
        this.#shift(queue)
        found = waiter
        break
      }
      if (answer === "stop" || this.#heap.size === 1) break
      parked.push(queue)
      this.#heap.remove(queue)
    }
    for (const queue of parked) this.#heap.push(queue)
    return found
  }

  /** The key was served `weighMs` of the quota's throughput. */
  charge(key: string, weighMs: number): void {
    const queue = this.#queues.get(key)
    if (!queue) return
    this.#virtualMs = Math.max(this.#virtualMs, queue.virtualMs)
    queue.virtualMs += weighMs / this.#weightOf(key)
    if (queue.live > 0) this.#heap.moved(queue)
    if (this.#queues.size > 2 * this.#heap.size + 64) this.#forgetIdle()
  }

  /** In fair order of keys, one of each in turn. */
  *[Symbol.iterator](): Generator<W> {
    let queues = [...this.#heap].sort(byTurn).map(({ items, head }) => ({ items, next: head }))
    while (queues.length > 0) {
      for (const queue of queues) {
        while (queue.items[queue.next]?.gone) queue.next++
        const waiter = queue.items[queue.next++]
        if (waiter) yield waiter
      }
      queues = queues.filter(({ items, next }) => next < items.length)
    }
  }

  /** An idle key is forgotten once forgetting it gains it nothing. */
  #forgetIdle(): void {
    for (const queue of this.#queues.values()) {
      if (queue.live === 0 && queue.virtualMs <= this.#virtualMs) this.#queues.delete(queue.key)
    }
  }

  #shift(queue: KeyQueue<W>): void {
    count(queue, queue.items[queue.head]!, -1)
    queue.items[queue.head++] = undefined
    if (queue.head > 1_024 && queue.head * 2 > queue.items.length) {
      queue.items = queue.items.slice(queue.head)
      queue.head = 0
    }
    this.#live--
    // Not forgotten yet: it is to be charged, or a key that asks anew at once would always come first.
    if (--queue.live === 0) this.#rest(queue)
  }

  #rest(queue: KeyQueue<W>): void {
    queue.items = []
    queue.head = queue.tombstones = 0
    this.#heap.remove(queue)
    // Nobody waits: all begin anew.
    if (this.#live === 0) this.#queues.clear()
  }
}

function emptyQueue<W>(key: string, order: number, virtualMs: number): KeyQueue<W> {
  const least = { requests: 0, inputTokens: 0, outputTokens: 0 }
  return { key, order, items: [], head: 0, virtualMs, live: 0, tombstones: 0, least, heapIndex: -1 }
}

/** No two are alike, so that whoever asks for the order hears the one that is kept. */
function byTurn(a: KeyQueue<unknown>, b: KeyQueue<unknown>): number {
  return a.virtualMs - b.virtualMs || a.order - b.order
}

function count<W extends Queued>({ least }: KeyQueue<W>, { least: own }: W, sign: 1 | -1): void {
  least.requests += sign * (own.requests ?? 1)
  least.inputTokens += sign * (own.inputTokens ?? 0)
  least.outputTokens += sign * (own.outputTokens ?? 0)
}

function headOf<W extends Queued>(queue: KeyQueue<W>): W | undefined {
  while (queue.head < queue.items.length && queue.items[queue.head]!.gone) queue.items[queue.head++] = undefined
  return queue.items[queue.head]
}

/** Behind all that asked no later: nearly always the end. */
function insert<W extends Queued>({ items, head }: KeyQueue<W>, waiter: W): void {
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

function clear<W extends Queued>(queue: KeyQueue<W>): void {
  queue.items = queue.items.slice(queue.head).filter((one) => !one!.gone)
  queue.head = queue.tombstones = 0
}
