import { lognormal, luckOf, seededRandom } from "../clock/seeded-random.ts"

export interface LatencyOptions {
  /** Until the first token. Default 300. */
  readonly baseMs?: number
  /** Default 10. */
  readonly perOutputTokenMs?: number
  /** Sigma of a lognormal factor of median 1 on the whole; 0 (default) none, 1 heavy. */
  readonly heavyTail?: number
  /**
   * A server that queues instead of refusing: with `n` calls in flight beyond `at`, everything takes `(n / at)^exponent`
   * as long. Exponent 1 (default): throughput stays where `at` calls put it. Above 1: overload costs throughput.
   */
  readonly knee?: { readonly at: number; readonly exponent?: number }
}

/** How long an answer takes from its arrival at the vendor; `inFlight` counts this call. */
export function drawLatency(
  options: LatencyOptions,
  seed: number,
  id: string,
  outputTokens: number,
  inFlight: number,
): { readonly firstTokenMs: number; readonly totalMs: number } {
  const { baseMs = 300, perOutputTokenMs = 10, heavyTail = 0, knee } = options
  let factor = knee && inFlight > knee.at ? (inFlight / knee.at) ** (knee.exponent ?? 1) : 1
  if (heavyTail > 0) factor *= lognormal(seededRandom(luckOf(seed, "latency", id) * 2 ** 32), 1, heavyTail)
  return { firstTokenMs: baseMs * factor, totalMs: (baseMs + perOutputTokenMs * outputTokens) * factor }
}
