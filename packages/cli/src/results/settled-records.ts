/**
 * The number of each settled answer's record by the index of its input, 0 where there is none: four bytes an answer, so that
 * files can be begun anew.
 */
export class SettledRecords {
  readonly #answers: number
  #records = new Uint32Array(1_024)
  readonly #earlierBegun = new Set<number>()

  /** `answers`: how many each input has. */
  constructor(answers: number) {
    this.#answers = answers
  }

  /**
   * The answer at `at` of several to the input at `index`. Once all are there: whether one of them `isEarlier`, as the input has
   * a line in the files that are there; `undefined` before.
   */
  add(index: number, at: number, record: number, isEarlier: boolean): boolean | undefined {
    const slot = index * this.#answers + at
    if (slot >= this.#records.length) {
      const larger = new Uint32Array(2 * slot)
      larger.set(this.#records)
      this.#records = larger
    }
    this.#records[slot] = record
    if (this.isWhole(index)) return this.#earlierBegun.delete(index) || isEarlier
    if (isEarlier) this.#earlierBegun.add(index)
    return undefined
  }

  /** All answers to an input are there. */
  isWhole(index: number): boolean {
    for (let at = 0; at < this.#answers; at++) if (!this.#records[index * this.#answers + at]) return false
    return true
  }

  of(index: number): number[] {
    return [...this.#records.subarray(index * this.#answers, (index + 1) * this.#answers)]
  }
}
