/** How many calls went on in each of a row of moments, on the average: a call of half a moment is half a call. */
export class MeanInFlight {
  /** Of calls that begin or end in a moment, their share of it. */
  readonly #shares: Float64Array
  /** By how many more calls fill a moment than the one before it. */
  readonly #more: Float64Array

  constructor(moments: number) {
    this.#shares = new Float64Array(moments)
    this.#more = new Float64Array(moments + 1)
  }

  /** A call, from when to when; both counted in moments. */
  add(from: number, to: number): void {
    const [first, last] = [Math.floor(from), Math.floor(to)]
    if (first === last) return void (this.#shares[first]! += to - from)
    this.#shares[first]! += first + 1 - from
    this.#shares[last]! += to - last
    this.#more[first + 1]!++
    this.#more[last]!--
  }

  /** To a tenth of a call. */
  means(): number[] {
    let whole = 0
    return Array.from(this.#shares, (share, at) => {
      whole += this.#more[at]!
      return Math.round((whole + share) * 10) / 10
    })
  }
}
