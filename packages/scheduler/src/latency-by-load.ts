import type { Sample } from "./adaptive-concurrency.ts"

/** Latency this many times that of lighter load means that calls queue. */
const queueing = 1.05
/** What one call's latency per token typically deviates by, as a share: heavy-tailed, so half. */
const deviation = 0.35
/** Two loads in one bin differ by less than this factor. */
const binWidth = 2 ** 0.25
/** A bin forgets half of what it knows over this many samples of its own. */
const halfLife = 400
/** Heavier means at least this many bins apart: a factor of 1.7. */
const apart = 2

interface Bin {
  ms: number
  units: number
  samples: number
}

/**
 * Latency per output token against the number of calls in flight: where it rises, the server queues.
 * Says so only when the rise is beyond what chance explains: at twice the latency after a handful of calls, at 1.2 times after a hundred.
 */
export class LatencyByLoad {
  readonly #bins: Bin[] = []

  /** Takes in a sample; answers how latency at its load compares with lighter load, when calls are seen to queue there. */
  add(sample: Sample): number | undefined {
    if (sample.totalMs === undefined || !sample.outputTokens) return undefined
    const index = binOf(sample.inFlight)
    const bin = (this.#bins[index] ??= { ms: 0, units: 0, samples: 0 })
    const keep = 0.5 ** (1 / halfLife)
    bin.ms = bin.ms * keep + sample.totalMs - (sample.firstTokenMs ?? 0)
    bin.units = bin.units * keep + sample.outputTokens
    bin.samples = bin.samples * keep + 1
    const here = this.#pool(index - 1, index + 1)
    const lighter = this.#pool(0, index - 1 - apart)
    if (here.samples < 4 || lighter.samples < 4) return undefined
    const ratio = here.ms / here.units / (lighter.ms / lighter.units)
    const chance = 2 * deviation * Math.sqrt(1 / here.samples + 1 / lighter.samples)
    return ratio > queueing + chance ? ratio : undefined
  }

  #pool(from: number, to: number): Bin {
    const pool: Bin = { ms: 0, units: 0, samples: 0 }
    for (let i = Math.max(0, from); i <= to; i++) {
      const bin = this.#bins[i]
      if (!bin) continue
      pool.ms += bin.ms
      pool.units += bin.units
      pool.samples += bin.samples
    }
    return pool
  }
}

function binOf(inFlight: number): number {
  return Math.round(Math.log(Math.max(1, inFlight)) / Math.log(binWidth))
}
