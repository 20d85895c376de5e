/** A refusal that no number explains cuts to this share of what was used before; one that was measured, to just below the measure. */
const blindCut = 0.8
const measuredCut = 0.985
const timedCut = 0.985
/** One that was hardly deserved. */
const easedCut = 0.85
/** How a share grows again after a cut. */
export interface Growth {
  /** It stays this long after a cut, and twice as long after each further one (up to `longestHolds` times): a limit that stands is probed rarely. */
  readonly holdMs: number
  readonly longestHolds: number
  /** Then it grows 1 % a second; after this many seconds twice as fast, and so on. */
  readonly doublingS: number
}

export const growthDefaults: Growth = Object.freeze({ holdMs: 10_000, longestHolds: 5, doublingS: 10 })
/** A vendor that limits growth allows about this: twice the traffic in a minute. */
export const rampGrowth: Growth = Object.freeze({ holdMs: 1_000, longestHolds: 0, doublingS: 12 })

const least = 0.02
/** A search doubles in this time: in a few such steps it passes whatever the depth of the bucket had hidden. */
const searchDoublingS = 3

/**
 * The share of a stated limit that the vendor really grants, learned from refusals alone.
 *
 * After a cut it holds, then grows 1 % a second and ever faster, so that a restored quota is found again within half a minute.
 * Two episodes of refusals measure the rate between them exactly: the bucket was empty at both ends.
 *
 * Source: the shape is CUBIC's (RFC 9438): plateau near the last refusal, then an accelerating probe.
 */
export class LearnedShare {
  #ceiling: number
  #base = 1
  #value = 1
  #growFromMs = Infinity
  #cuts = 0
  #searching = false

  readonly #growth: Growth

  /** `growFromMs`: a guess tries for more without having been cut. */
  constructor(ceiling: number, growFromMs: number = Infinity, growth: Growth = growthDefaults) {
    this.#ceiling = ceiling
    this.#growth = growth
    this.#growFromMs = growFromMs + growth.holdMs
  }

  get value(): number {
    return this.#value
  }

  /** The next refusal is wanted: it measures what the first one could not. */
  get searching(): boolean {
    return this.#searching
  }

  /** Begins anywhere between what is sure and what is possible, and grows fast until the next cut. */
  search(nowMs: number, value: number): void {
    this.#base = this.#value = Math.max(least, Math.min(this.#ceiling, value))
    this.#growFromMs = nowMs
    this.#searching = true
  }

  /** Just too fast: a little less, and on from there. */
  ease(nowMs: number): void {
    this.#base = this.#value = Math.max(least, this.#value * easedCut)
    this.#growFromMs = nowMs + this.#growth.holdMs
  }

  /** `timed`: the vendor named a delay, which is obeyed already; without one the cut must make the room. */
  cut(nowMs: number, measured: number | undefined, timed = false): void {
    const before = this.#value
    if (this.#searching && measured === undefined) return this.search(nowMs, before / 2)
    this.#searching = false
    // A measure far below belongs to a burst that was refused for another reason: never below half at once.
    const target =
      measured === undefined
        ? before * (timed ? timedCut : blindCut)
        : Math.min(before * timedCut, measured * measuredCut)
    // Having grown far beyond the last cut means that the quota changed: probe eagerly again.
    if (before > this.#base * 1.3) this.#cuts = 0
    this.#base = this.#value = Math.max(least, before * (this.#cuts === 0 ? 0.1 : 0.5), target)
    this.#growFromMs = nowMs + this.#growth.holdMs * 2 ** Math.min(this.#growth.longestHolds, this.#cuts++)
  }

  /** Answers whether the value changed by enough to matter. */
  grow(nowMs: number): boolean {
    if (nowMs <= this.#growFromMs || this.#value >= this.#ceiling) return false
    const seconds = (nowMs - this.#growFromMs) / 1_000
    const grown = this.#searching
      ? 2 ** (seconds / searchDoublingS)
      : Math.exp(0.01 * seconds * (1 + seconds / this.#growth.doublingS))
    const value = Math.min(this.#ceiling, this.#base * grown)
    if (value < this.#value * 1.005 && value < this.#ceiling) return false
    this.#value = value
    return true
  }

  /** Somebody says what the limit is: that is all of it, and a ceiling. */
  reset(): void {
    this.#ceiling = 1
    this.#base = this.#value = 1
    this.#growFromMs = Infinity
    this.#cuts = 0
    this.#searching = false
  }
}
