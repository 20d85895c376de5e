import type { Random } from "@sluice/core"

/**
 * Reproducible randomness: the same seed gives the same numbers on every machine (mulberry32).
 *
 * @example
 * ```ts
 * seededRandom(1).next() === seededRandom(1).next() // => true
 * ```
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0
      return scramble(state) / 2 ** 32
    },
  }
}

/** One number in [0, 1) that belongs to `parts`: the same call meets the same luck whatever order calls come in. */
export function luckOf(seed: number, ...parts: readonly (string | number)[]): number {
  let hash = (seed ^ 0x811c9dc5) >>> 0
  for (const part of parts) {
    const text = String(part)
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0
    hash = Math.imul(hash ^ 0x1f, 0x01000193) >>> 0
  }
  return scramble((hash + 0x6d2b79f5) >>> 0) / 2 ** 32
}

/** Exponential with the given mean: the gaps of Poisson arrivals. */
export function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random.next())
}

/** Lognormal by median and the standard deviation of its logarithm: sigma 1 spans 50× between the 2.5 % and 97.5 % points. */
export function lognormal(random: Random, median: number, sigma: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.next()))
  return median * Math.exp(sigma * radius * Math.cos(2 * Math.PI * random.next()))
}

function scramble(state: number): number {
  let bits = Math.imul(state ^ (state >>> 15), state | 1)
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
  return (bits ^ (bits >>> 14)) >>> 0
}
