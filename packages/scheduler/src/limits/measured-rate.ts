/** What was admitted between two bursts of refusals. */
export interface Episode {
  readonly admitted: number
  readonly elapsedMs: number
  readonly first: boolean
}

/** Less than this is too short to tell a rate from. */
const shortestMs = 2_000

/**
 * The vendor's own rate, measured from refusal to refusal: its bucket was empty at both ends.
 *
 * A first refusal leaves the rate open, because all that was admitted may have stood ready, or none of it. `begin` answers a rate
 * between the two to go on with; from there on everything counts, however many refusals come too soon to tell.
 *
 * @example
 * ```ts
 * const measured = new MeasuredRate()
 * measured.begin(10_000, { admitted: 300, elapsedMs: 10_000, first: true }, 60_000) * 1_000 // between 4.3 and 30 a second
 * measured.perMs(20_000, { admitted: 80, elapsedMs: 10_000, first: false }, 0) // => 0.008
 * ```
 */
export class MeasuredRate {
  #begunMs: number | undefined
  #admitted = 0

  /** At the first refusal; a whole window's worth stood ready at most. */
  begin(nowMs: number, { admitted, elapsedMs }: Episode, windowMs: number): number {
    this.#begunMs = nowMs
    this.#admitted = 0
    const least = admitted / (windowMs + elapsedMs)
    const most = admitted / Math.max(1_000, elapsedMs)
    return Math.sqrt(least * most)
  }

  /** At a further one; `readyMs`: so much of the rate stood ready when the episode began. Undefined: too short to tell. */
  perMs(nowMs: number, { admitted, elapsedMs }: Episode, readyMs: number): number | undefined {
    const begun = this.#begunMs !== undefined
    if (begun) this.#admitted += admitted
    const overMs = begun ? nowMs - this.#begunMs! : readyMs + elapsedMs
    return overMs < shortestMs ? undefined : (begun ? this.#admitted : admitted) / overMs
  }

  /** The rate is known: from here on each episode counts alone. */
  end(): void {
    this.#begunMs = undefined
  }
}
