/** So many refusals beyond what was ever seen make it the depth. */
const timesThatCount = 3
/** Timers are late: a bucket shallower than this loses what flows in meanwhile. */
const leastMs = 100

/**
 * How deep a vendor's bucket is: as told, as narrowed after refusals, and no deeper than was seen where more was refused.
 *
 * @example
 * ```ts
 * const depth = new BucketDepth(undefined)
 * depth.of(600) // => 600
 * depth.narrowTo(10)
 * depth.of(600) // => 10
 * ```
 */
export class BucketDepth {
  readonly #isTold: boolean
  #narrow: number | undefined
  #seen: number | undefined
  #beyond = 0

  constructor(told: number | undefined) {
    this.#isTold = told !== undefined
    this.#narrow = told
  }

  /** Told, or narrowed since. */
  get isNarrow(): boolean {
    return this.#narrow !== undefined
  }

  /** What stands ready at most of `limit`. */
  of(limit: number): number {
    return Math.min(this.#narrow ?? Infinity, this.#seen ?? Infinity, limit)
  }

  narrowTo(depth: number): void {
    this.#narrow = depth
  }

  /**
   * Slices of a second begin when they do: a second's worth may fall into one of them twice. Halves a narrow depth, down to `amount`, when
   * a refusal says so: while headers had room (`contradicted`), or after hardly more than the depth. Answers whether it did.
   */
  halve(amount: number, perSecond: number, contradicted: boolean, admitted: number): boolean {
    const narrow = this.#narrow
    if (narrow === undefined || narrow <= Math.max(amount, perSecond / 16)) return false
    if (!contradicted && (this.#isTold || admitted > 2 * narrow)) return false
    this.#narrow = Math.max(amount, narrow / 2)
    return true
  }

  /** An answer said that so much stands ready. */
  saw(remaining: number): void {
    if (this.#seen !== undefined) this.#seen = Math.max(this.#seen, remaining + 1)
  }

  /** More than was ever seen to stand ready did not fit. Believed from the third time on: a deep bucket may be empty by the first answer. */
  refusedBeyond(highest: number, amount: number, ratePerMs: number): void {
    if (++this.#beyond >= timesThatCount) this.#seen = Math.max(amount, highest + 1, ratePerMs * leastMs)
  }
}
