/** Of at least so many starts this share was refused: servers refuse fewer by bad luck, and more when their places are taken. */
const fewestStarts = 16
const manyRefused = 0.16
/** About so many starts back count, or twice those in flight: refusals come back sooner than answers. */
const startsThatCount = 64

/**
 * Refusals for want of capacity, of which there are three kinds: bad luck, which needs no answer but another attempt; places that
 * are all taken, which bound how many may run; and a server that is down, which refuses also a call that is alone.
 *
 * @example
 * ```ts
 * const overloads = new Overloads()
 * overloads.refused(1_000, 960, 24) // => "luck"
 * ```
 */
export class Overloads {
  #starts = 0
  #refused = 0
  #failed = 0
  #troubleMs = Infinity
  #cutMs = -Infinity
  #isDown = false

  /** A call leaves; `running` are in flight. */
  started(running: number): void {
    if (++this.#starts <= Math.max(startsThatCount, 2 * running)) return
    this.#starts /= 2
    this.#refused /= 2
    this.#failed /= 2
  }

  /** A call failed, for whatever reason of the server's. Answers whether that is more than bad luck. */
  failed(): boolean {
    this.#failed++
    return this.#share(this.#failed) >= manyRefused
  }

  /**
   * A call that left at `admittedMs` was refused while `accepted` others ran.
   * `crowded`: the first of a burst for which the limit is too high; `burst`: a further one.
   */
  refused(nowMs: number, admittedMs: number, accepted: number): "luck" | "crowded" | "burst" {
    this.#refused++
    if (this.#share(this.#refused) < manyRefused) return "luck"
    if (this.#troubleMs === Infinity) this.#troubleMs = nowMs
    if (accepted === 0) this.#isDown = true
    if (admittedMs <= this.#cutMs) return "burst"
    this.#cutMs = nowMs
    return "crowded"
  }

  /** A call that left at `admittedMs` was served. True: what looked like places that are taken was a server that was down. */
  served(admittedMs: number): boolean {
    const over = this.#isDown && admittedMs > this.#troubleMs
    if (over) this.#refused = this.#failed = 0
    if (over || this.#share(this.#refused) < manyRefused / 2) {
      this.#troubleMs = Infinity
      this.#isDown = false
    }
    return over
  }

  #share(count: number): number {
    return count / Math.max(fewestStarts, this.#starts)
  }
}
