import pLimit, { type LimitFunction } from "p-limit"
import { autoDefaults, AutoConcurrency } from "./auto-concurrency.ts"
import { invalidOption } from "@sluice/core/internal"

/** Who may work for a map: how many workers, and when one has to leave. Classes: V8 compiles literals with getters for each alone. */
export interface Slots {
  /** The most workers there are, where that is a number. */
  concurrency: number | "auto"
  readonly auto: AutoConcurrency | undefined
  /** This many outcomes may lie ready, however few items run. */
  readonly floor: number
  /** Whether one more worker may begin, while `beginning` of them have a slot and no item yet. */
  mayStart(beginning: number, running: number): boolean
  mayStay(): boolean
  /** Begins a worker in a slot, a little later; the slot is its until it leaves. */
  start(begin: (leave: () => void) => void, onFree: () => void): void
}

/**
 * A fixed number of slots. p-limit is the semaphore; each of its slots carries a worker that runs one item after the
 * other: the next item of a bare worker costs 0.1 µs, an item of its own through p-limit 0.5 µs (bench/parallel-map.bench.ts).
 */
export class FixedSlots implements Slots {
  readonly auto: undefined
  readonly #limit: LimitFunction
  #most: number
  #workers = 0

  constructor(concurrency: number) {
    this.#limit = pLimit(concurrency)
    this.#most = concurrency
  }

  get concurrency(): number | "auto" {
    return this.#most
  }

  set concurrency(to) {
    if (to === "auto") throw invalidOption("parallelMap", "concurrency", "a number, as it was at the start", to)
    this.#limit.concurrency = this.#most = to
  }

  get floor(): number {
    return this.#most
  }

  /** As many at once as run already: twice as many each time, and not a thousand for a source of three items. */
  mayStart(beginning: number, running: number): boolean {
    return this.#workers < this.#most && beginning <= running
  }

  mayStay(): boolean {
    return this.#workers <= this.#most
  }

  start(begin: (leave: () => void) => void, onFree: () => void): void {
    this.#workers++
    void this.#limit(() => new Promise<void>(begin)).then(() => {
      this.#workers--
      onFree()
    })
  }
}

/** As many slots as the quota feeds; see `AutoConcurrency`. */
export class AutoSlots implements Slots {
  readonly auto: AutoConcurrency
  readonly floor: number = autoDefaults.lookAhead

  constructor(onOpen: () => void, followers: () => number) {
    this.auto = new AutoConcurrency(onOpen, followers)
  }

  get concurrency(): number | "auto" {
    return "auto"
  }

  set concurrency(to) {
    if (to !== "auto") throw invalidOption("parallelMap", "concurrency", '"auto", as it was at the start', to)
  }

  /** One by one: what a new item will do, wait or run free, shows a little after it began. */
  mayStart(beginning: number): boolean {
    return beginning === 0 && this.auto.open
  }

  mayStay(): boolean {
    return this.auto.open
  }

  /** Not at once: items that are admitted at once would start each other, ever deeper in the call stack. */
  start(begin: (leave: () => void) => void, onFree: () => void): void {
    void Promise.resolve()
      .then(() => new Promise<void>(begin))
      .then(onFree)
  }
}
