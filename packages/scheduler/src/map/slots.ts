import pLimit from "p-limit"
import { autoDefaults, AutoConcurrency } from "./auto-concurrency.ts"
import { invalidOption } from "@sluice/core/internal"

/** Who may work for a map: how many workers, and when one has to leave. */
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
export function fixedSlots(concurrency: number): Slots {
  const limit = pLimit(concurrency)
  let workers = 0
  return {
    auto: undefined,
    get concurrency(): number | "auto" {
      return concurrency
    },
    set concurrency(to) {
      if (to === "auto") throw invalidOption("parallelMap", "concurrency", "a number, as it was at the start", to)
      limit.concurrency = concurrency = to
    },
    get floor() {
      return concurrency
    },
    // As many at once as run already: twice as many each time, and not a thousand for a source of three items.
    mayStart: (beginning, running) => workers < concurrency && beginning <= running,
    mayStay: () => workers <= concurrency,
    start(begin, onFree) {
      workers++
      void limit(() => new Promise<void>(begin)).then(() => {
        workers--
        onFree()
      })
    },
  }
}

/** As many slots as the quota feeds; see `AutoConcurrency`. */
export function autoSlots(onOpen: () => void): Slots {
  const auto = new AutoConcurrency(onOpen)
  return {
    auto,
    get concurrency(): number | "auto" {
      return "auto"
    },
    set concurrency(to) {
      if (to !== "auto") throw invalidOption("parallelMap", "concurrency", '"auto", as it was at the start', to)
    },
    floor: autoDefaults.lookAhead,
    // One by one: what a new item will do, wait or run free, shows a little after it began.
    mayStart: (beginning) => beginning === 0 && auto.open,
    mayStay: () => auto.open,
    // Not at once: items that are admitted at once would start each other, ever deeper in the call stack.
    start: (begin, onFree) =>
      void Promise.resolve()
        .then(() => new Promise<void>(begin))
        .then(onFree),
  }
}
