const slots = 60

/** What came in each of the last 60 seconds. */
export class RateWindow {
  readonly #seconds = new Float64Array(slots)
  #latest = 0

  add(atMs: number, count: number): void {
    const second = this.#advance(atMs)
    this.#seconds[second % slots]! += count
  }

  /** Per minute over the last `spanMs`, or since the start. */
  perMinute(atMs: number, spanMs: number, startMs = 0): number {
    const second = this.#advance(atMs)
    const first = Math.max(Math.floor(startMs / 1_000), second - Math.min(slots, Math.round(spanMs / 1_000)) + 1)
    let sum = 0
    for (let each = first; each <= second; each++) sum += this.#seconds[each % slots]!
    // A clock that was set back is behind what came already.
    return (sum * 60_000) / Math.max(1_000, Math.max(atMs, second * 1_000) - first * 1_000)
  }

  /** Per minute in each of the last whole tens of seconds. */
  pieces(atMs: number, startMs = 0): number[] {
    const second = this.#advance(atMs)
    const pieces: number[] = []
    for (let end = second; end - 10 >= Math.max(startMs / 1_000, second - slots); end -= 10) {
      let sum = 0
      for (let each = end - 10; each < end; each++) sum += this.#seconds[each % slots]!
      pieces.push(sum * 6)
    }
    return pieces
  }

  #advance(atMs: number): number {
    const second = Math.max(this.#latest, Math.floor(atMs / 1_000))
    for (let each = Math.max(this.#latest + 1, second - slots + 1); each <= second; each++)
      this.#seconds[each % slots] = 0
    this.#latest = second
    return second
  }
}
