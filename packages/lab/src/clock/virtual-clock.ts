import type { Clock } from "@sluice/core"
import { checkOptions, number, oneOf } from "@sluice/core/internal"
import { IndexedHeap } from "@sluice/scheduler"

interface Timer {
  readonly atMs: number
  readonly sequence: number
  readonly fn: () => void
  heapIndex: number
}

/**
 * Time that moves only when told: a `Clock` for tests and simulations.
 *
 * Timers fire in time order, those of one instant in the order they were set, and everything that a timer
 * sets off (promises, `setImmediate`) settles before the next one fires. An hour of traffic takes about a second.
 *
 * @example
 * ```ts
 * const clock = new VirtualClock()
 * const woken = new Promise<number>((resolve) => clock.setTimer(60_000, () => resolve(clock.now())))
 * await clock.run(woken) // => 60000
 * ```
 */
export class VirtualClock implements Clock {
  readonly #timers = new IndexedHeap<Timer>((a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence))
  #nowMs: number
  #wallOffsetMs: number
  #sequence = 0
  readonly #settle: () => Promise<void>

  /**
   * `startMs` is what `now()` says first (default 0), `wallMs` what `wallNow()` says (default 2026-01-01T00:00Z).
   * `settles: "promises"` waits for promises alone between two timers, no turn of the event loop: several times as fast,
   * for simulations that use nothing else.
   */
  constructor(
    options: { readonly startMs?: number; readonly wallMs?: number; readonly settles?: "everything" | "promises" } = {},
  ) {
    checkOptions<NonNullable<typeof options>>("VirtualClock", options, {
      startMs: number,
      wallMs: number,
      settles: oneOf("everything", "promises"),
    })
    this.#settle = options.settles === "promises" ? settlePromises : settle
    this.#nowMs = options.startMs ?? 0
    this.#wallOffsetMs = (options.wallMs ?? Date.UTC(2026, 0, 1)) - this.#nowMs
  }

  /** Timers that are set and neither fired nor cancelled. */
  get pending(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#nowMs
  }

  wallNow(): number {
    return this.#nowMs + this.#wallOffsetMs
  }

  setTimer(delayMs: number, fn: () => void): () => void {
    if (Number.isNaN(delayMs)) throw new TypeError("VirtualClock.setTimer: delayMs must be a number, got NaN")
    // Infinity never fires, as it should; negative delays fire now.
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence++, fn, heapIndex: -1 }
    this.#timers.push(timer)
    return () => this.#timers.remove(timer)
  }

  /** Steps the wall clock, as an operator or NTP does. `now()` and timers do not notice. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs
  }

  /** Moves time on by `byMs` and fires what falls due on the way. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs
    await this.#settle()
    while (this.#next(untilMs)) await this.#settle()
    this.#nowMs = untilMs
    await this.#settle()
  }

  /**
   * Fires timers until `promise` settles, and answers as it does.
   * @throws when the promise is pending and no timer is set: nothing can ever settle it.
   */
  async run<T>(promise: PromiseLike<T>): Promise<T> {
    let done = false
    const mark = (): void => {
      done = true
    }
    promise.then(mark, mark)
    let idleTurns = 0
    for (;;) {
      await this.#settle()
      if (done) return promise
      if (this.#next(Number.MAX_VALUE)) idleTurns = 0
      // A module or a file may be loading: give it many turns of the event loop, and then half a second, before giving up.
      else if (++idleTurns > 2500) {
        throw new Error(
          `VirtualClock.run: the promise is pending and no timer is set (now ${this.#nowMs} ms), so nothing can settle it. ` +
            "Is something waiting for real time, or for a permit that nobody gives back?",
        )
      } else if (idleTurns > 2000) await aMillisecond()
    }
  }

  #next(untilMs: number): boolean {
    const timer = this.#timers.first()
    if (!timer || timer.atMs > untilMs) return false
    this.#timers.remove(timer)
    this.#nowMs = timer.atMs
    timer.fn()
    return true
  }
}

function settlePromises(): Promise<void> {
  // Ticks run when no promise has anything left to do.
  return new Promise((resolve) => process.nextTick(resolve))
}

function aMillisecond(): Promise<void> {
  // Not a clock either: real time for what takes real time.
  // oxlint-disable-next-line no-restricted-globals
  return new Promise((resolve) => setTimeout(resolve, 1))
}

function settle(): Promise<void> {
  // Not a clock: one turn of the event loop, so that everything that is due now has happened.
  // oxlint-disable-next-line no-restricted-globals
  return new Promise((resolve) => setImmediate(resolve))
}
