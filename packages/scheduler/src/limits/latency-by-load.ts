/** One call that succeeded, as far as this algorithm looks at it. */
export interface Sample {
  /** Calls in flight as this one left, itself included. */
  readonly inFlight: number
  readonly totalMs?: number
  readonly firstTokenMs?: number
  readonly outputTokens?: number
}

/** Latency this many times that of lighter load means that calls queue. */
const queueing = 1.05
/** What calls deviate by before anything is known of them: heavy-tailed, so by almost half. Counts as this many samples. */
const deviation = 0.4
const deviationWeight = 8
/** So many standard deviations are no chance, even when looked at after every call. */
const certainty = 2.7
/** Where no time to the first token is known, it takes about as long as this many tokens. */
const firstTokenUnits = 30
/** Two loads in one bin differ by less than this factor. */
const binWidth = 2 ** 0.25
/** A bin forgets half of what it knows over this many samples of its own. */
const halfLife = 400
/** Heavier means at least this many bins apart: a factor of 1.7. */
const apart = 1

/** Latency is this many times that of lighter load: beyond what chance explains, or only more likely so than not. */
export interface Rise {
  readonly ratio: number
  readonly isSure: boolean
}

/** Logarithms of latency per token. */
interface Bin {
  samples: number
  sum: number
  squares: number
}

/**
 * Latency per output token against the number of calls in flight: where it rises, the server queues.
 * Says so only when the rise is beyond what chance explains: at twice the latency after a handful of calls, at 1.2 times after a hundred.
 */
export class LatencyByLoad {
  readonly #bins: Bin[] = []

  /** Takes in a sample; returns how latency at its load compares with lighter load, when calls seem to queue there. */
  add(sample: Sample): Rise | undefined {
    const { totalMs, firstTokenMs, outputTokens } = sample
    if (totalMs === undefined || !outputTokens) return undefined
    const perToken =
      firstTokenMs === undefined ? totalMs / (outputTokens + firstTokenUnits) : (totalMs - firstTokenMs) / outputTokens
    if (!(perToken > 0)) return undefined
    const value = Math.log(perToken)
    const index = binOf(sample.inFlight)
    const bin = (this.#bins[index] ??= { samples: 0, sum: 0, squares: 0 })
    const keep = 0.5 ** (1 / halfLife)
    bin.samples = bin.samples * keep + 1
    bin.sum = bin.sum * keep + value
    bin.squares = bin.squares * keep + value * value
    const here = this.#pool(index - 1, index + 1)
    const lighter = this.#pool(0, index - 1 - apart)
    if (here.samples < 4 || lighter.samples < 4) return undefined
    const rise = here.sum / here.samples - lighter.sum / lighter.samples
    const spread = Math.sqrt(
      (scatter(here) + scatter(lighter) + deviationWeight * deviation ** 2) /
        (here.samples + lighter.samples + deviationWeight),
    )
    const chance = spread * Math.sqrt(1 / here.samples + 1 / lighter.samples)
    const deviations = (rise - Math.log(queueing)) / chance
    return deviations > 0 ? { ratio: Math.exp(rise), isSure: deviations > certainty } : undefined
  }

  #pool(from: number, to: number): Bin {
    const pool: Bin = { samples: 0, sum: 0, squares: 0 }
    for (let i = Math.max(0, from); i <= to; i++) {
      const bin = this.#bins[i]
      if (!bin) continue
      pool.samples += bin.samples
      pool.sum += bin.sum
      pool.squares += bin.squares
    }
    return pool
  }
}

/** Sum of squared deviations from the mean. */
function scatter({ samples, sum, squares }: Bin): number {
  return Math.max(0, squares - (sum * sum) / samples)
}

function binOf(inFlight: number): number {
  return Math.round(Math.log(Math.max(1, inFlight)) / Math.log(binWidth))
}
