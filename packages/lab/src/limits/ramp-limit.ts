export interface RampOptions {
  /** The traffic of the last 10 s may be this many times that of the minute before, at most. */
  readonly growthPerMinute: number
  /** Up to this many requests a minute nothing is asked. */
  readonly freePerMinute: number
}

const shortSeconds = 10
const longSeconds = 60

/** A growth cap, whatever the quota: the vendor answers `slow_down` when traffic rises faster. Counts whole seconds. */
export class RampLimit {
  readonly #options: RampOptions
  readonly #starts = new Array<number>(shortSeconds + longSeconds).fill(0)
  #second = 0

  constructor(options: RampOptions) {
    this.#options = options
  }

  tryTake(nowMs: number): boolean {
    if (this.msUntil(nowMs) > 0) return false
    this.#starts[this.#second % this.#starts.length]!++
    return true
  }

  msUntil(nowMs: number): number {
    this.#turn(nowMs)
    for (let ahead = 0; ahead <= this.#starts.length; ahead++) {
      if (this.#fits(ahead)) return ahead === 0 ? 0 : (this.#second + ahead) * 1000 - nowMs
    }
    return 1000
  }

  /** Whether one more fits `ahead` seconds from now, if nothing starts until then. */
  #fits(ahead: number): boolean {
    let short = 0
    let long = 0
    for (let age = 0; age < this.#starts.length; age++) {
      const second = this.#second + ahead - age
      const starts = second > this.#second || second < 0 ? 0 : (this.#starts[second % this.#starts.length] as number)
      if (age < shortSeconds) short += starts
      else long += starts
    }
    const perMinute = Math.max(this.#options.freePerMinute, this.#options.growthPerMinute * long)
    return (short + 1) * (longSeconds / shortSeconds) <= perMinute + 1e-9
  }

  #turn(nowMs: number): void {
    const second = Math.floor(nowMs / 1000 + 1e-9)
    for (let gone = Math.max(this.#second + 1, second - this.#starts.length + 1); gone <= second; gone++) {
      this.#starts[gone % this.#starts.length] = 0
    }
    this.#second = Math.max(this.#second, second)
  }
}
