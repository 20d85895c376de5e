import { idleClock } from "@sluice/scheduler/internal"
import { systemClock } from "@sluice/scheduler"

/** A library is told to look for a lost server so often, and it is looked for so often while nobody waits. */
const mostMs = 200

/**
 * Keeps connections of our own up, and the process while somebody needs them: neither they nor the search for a lost one keep a process that is
 * done with everything else.
 */
export class Upkeep {
  readonly #connect: () => void
  readonly #needed = new Set<object>()
  #stay: (() => void) | undefined
  #cancel: (() => void) | undefined

  /** `connect` connects what is not connected and looks for no connection by itself. */
  constructor(connect: () => void) {
    this.#connect = connect
  }

  /** Whether `by` waits for something, from now on. */
  keep(by: object, isNeeded: boolean): void {
    const wasNeeded = this.#needed.size > 0
    if (isNeeded) this.#needed.add(by)
    else this.#needed.delete(by)
    if (wasNeeded === this.#needed.size > 0) return
    this.#stay?.()
    this.#stay = isNeeded ? systemClock.setTimer(Infinity, () => {}) : undefined
    if (isNeeded && this.#cancel) this.#again()
  }

  /** When the library is to look for a lost server; nothing while nobody waits for it: its timers would keep the process. */
  retryMs(attempt: number): number | undefined {
    if (this.#needed.size > 0) return Math.min(mostMs, 20 * attempt)
    this.#cancel ??= idleClock.setTimer(mostMs, () => this.#again())
    return undefined
  }

  close(): void {
    this.#stay?.()
    this.#cancel?.()
  }

  #again(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#connect()
  }
}

/** A client of ioredis takes 2 s to give up a connection that was cut without a word; a new one is given a moment, too. */
const periodMs = 3_000

/** Does it at once, and not again for a while: several quotas share the connections of one store, and each asks. */
export function everySoOften(act: () => void): () => void {
  let nextMs = -Infinity
  return () => {
    const nowMs = systemClock.now()
    if (nowMs < nextMs) return
    nextMs = nowMs + periodMs
    act()
  }
}
