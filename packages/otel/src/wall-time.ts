import type { HrTime } from "@opentelemetry/api"

/** Apart by more than this, the wall clock was set, or the machine slept: what is measured from now on goes by the new time. */
const driftMs = 1_000

/** Turns the monotonic time of events into time of day. */
export class WallTime {
  #offsetMs: number | undefined

  /** What the wall clock showed at `atMs`. Small differences are noise, and would put children before their parents. */
  anchor(atMs: number, wallMs: number): void {
    const offsetMs = wallMs - atMs
    if (this.#offsetMs === undefined || Math.abs(offsetMs - this.#offsetMs) > driftMs) this.#offsetMs = offsetMs
  }

  /** Nothing where no wall clock is known: then it is now. */
  at(atMs: number): HrTime | undefined {
    if (this.#offsetMs === undefined) return undefined
    // A number would be taken for something else if it were small.
    const nanos = Math.round((atMs + this.#offsetMs) * 1e6)
    return [Math.floor(nanos / 1e9), nanos % 1e9]
  }
}
