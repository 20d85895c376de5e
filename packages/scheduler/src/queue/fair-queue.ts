import type { Cost } from "@sluice/core"
import type { Queued } from "./queued.ts"
import { KeyQueues } from "./key-queues.ts"

/** One admission in so many goes to the class whose next waiter has waited longest: higher goes first, and nothing starves. */
const ageing = 64

/**
 * Who is next: the highest priority, and one time in 64 whoever has waited longest of any; inside a priority fair shares across keys,
 * and first in first out per key.
 */
export class FairQueue<W extends Queued> {
  /** The highest first; few are in use at a time. */
  #classes: KeyQueues<W>[] = []
  readonly #weightOf: (key: string) => number
  #live = 0
  #served = 0

  constructor(weightOf: (key: string) => number = () => 1) {
    this.#weightOf = weightOf
  }

  get size(): number {
    return this.#live
  }

  /** The lowest priority that waits, those apart that take only what nobody else wants. */
  get lowest(): number {
    return this.#classes.findLast(({ priority }) => priority > -Infinity)?.priority ?? Infinity
  }

  /** Returns whether the newcomer may be the next of its key. */
  push(waiter: W): boolean {
    this.#live++
    return (this.#classOf(waiter.priority) ?? this.#newClass(waiter.priority)).push(waiter)
  }

  /** What those will take at least, together, who wait with this key and priority: all of them go before a newcomer. */
  ahead(key: string, priority: number): Cost | undefined {
    return this.#classOf(priority)?.ahead(key)
  }

  /** The waiter is `gone`. */
  left(waiter: W): void {
    this.#live--
    const found = this.#classOf(waiter.priority)!
    found.left(waiter)
    this.#forgetEmpty(found)
  }

  /** The first waiter, or the first that `fits` in fair order. A refused one may bar those behind it by returning `"stop"`. */
  next(fits: (waiter: W) => "take" | "skip" | "stop"): W | undefined {
    let isOver = false
    const ask = (waiter: W): ReturnType<typeof fits> => {
      const answer = fits(waiter)
      isOver = answer !== "skip"
      return answer
    }
    for (const one of this.#inTurn()) {
      const found = one.next(ask)
      if (found) {
        this.#live--
        this.#served++
        this.#forgetEmpty(one)
        return found
      }
      if (isOver) return undefined
    }
    return undefined
  }

  /** The key was served `weighMs` of the quota's throughput. */
  charge(key: string, weighMs: number): void {
    for (const one of this.#classes) one.charge(key, weighMs)
  }

  /** As their turns would come now. */
  *[Symbol.iterator](): Generator<W> {
    for (const one of this.#inTurn()) yield* one
  }

  /** The next is whoever has waited longest, of any priority. */
  get isAgeing(): boolean {
    return this.#classes.length > 1 && this.#served % ageing === ageing - 1
  }

  #inTurn(): readonly KeyQueues<W>[] {
    const classes = this.#classes
    if (!this.isAgeing) return classes
    // What is held back by nothing that holds the others back never stands behind them, and what takes only what is left never before.
    const turn = ({ priority, sinceMs }: KeyQueues<W>): number => (Number.isFinite(priority) ? sinceMs : -priority)
    return classes.toSorted((a, b) => turn(a) - turn(b))
  }

  #classOf(priority: number): KeyQueues<W> | undefined {
    for (const one of this.#classes) if (one.priority === priority) return one
    return undefined
  }

  #newClass(priority: number): KeyQueues<W> {
    const made = new KeyQueues<W>(priority, this.#weightOf)
    this.#classes = [...this.#classes, made].toSorted((a, b) => b.priority - a.priority)
    return made
  }

  /** The last one stays: it is to be charged still, and a queue that empties and fills would make it anew each time. */
  #forgetEmpty(one: KeyQueues<W>): void {
    if (one.size === 0 && this.#classes.length > 1) this.#classes = this.#classes.filter((each) => each !== one)
  }
}
