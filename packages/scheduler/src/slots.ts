import pLimit from "p-limit"
import { autoDefaults, AutoGate } from "./auto-gate.ts"
import { invalidOption } from "./invalid-option.ts"

/** Who may work for a map: how many workers, and when one has to leave. */
export interface Slots {
  /** The most workers there are, where that is a number. */
  concurrency: number | "auto"
  readonly gate: AutoGate | undefined
  /** This many outcomes may lie ready, however few items run. */
  readonly floor: number
  mayStart(): boolean
  mayStay(): boolean
  /** Runs a worker in a slot, and tells when the slot is free again. */
  start(worker: () => Promise<void>, onFree: () => void): void
}

/**
 * A fixed number of slots. p-limit is the semaphore; each of its slots carries a worker that runs one item after the
 * other: the next item of a bare worker costs 0.1 µs, an item of its own through p-limit 0.6 µs (bench/parallel-map.bench.ts).
 */
export function fixedSlots(concurrency: number): Slots {
  const limit = pLimit(concurrency)
  let workers = 0
  return {
    gate: undefined,
    get concurrency(): number | "auto" {
      return concurrency
    },
    set concurrency(to) {
      if (to === "auto") throw invalidOption("concurrency", "a number, as it was at the start", to)
      limit.concurrency = concurrency = to
    },
    get floor() {
      return concurrency
    },
    mayStart: () => workers < concurrency,
    mayStay: () => workers <= concurrency,
    start(worker, onFree) {
      workers++
      void limit(worker).then(() => {
        workers--
        onFree()
      })
    },
  }
}

/** As many slots as the quota feeds; see `AutoGate`. */
export function autoSlots(onOpen: () => void): Slots {
  const gate = new AutoGate(onOpen)
  return {
    gate,
    get concurrency(): number | "auto" {
      return "auto"
    },
    set concurrency(to) {
      if (to !== "auto") throw invalidOption("concurrency", '"auto", as it was at the start', to)
    },
    floor: autoDefaults.lookAhead,
    mayStart: () => gate.open,
    mayStay: () => gate.open,
    // Not at once: items that are admitted at once would start each other, ever deeper in the call stack.
    start: (worker, onFree) => void Promise.resolve().then(worker).then(onFree),
  }
}
