/** Clocks run apart by less than this share. */
const drift = 1e-3

/** What the server's clock shows, from its answers: an answer never arrives before it was given, so the one that was fastest is nearest. */
export class ServerTime {
  #aheadMs = -Infinity
  #heardMs = 0

  /** An answer that was given at `serverMs` by its clock and arrived at `nowMs` by ours. */
  heard(serverMs: number, nowMs: number): void {
    this.#aheadMs = Math.max(serverMs - nowMs, this.#aheadMs - drift * (nowMs - this.#heardMs))
    this.#heardMs = nowMs
  }

  /** One of the two clocks may have been set: the next answer says. */
  doubt(): void {
    this.#aheadMs = -Infinity
  }

  /** What a turn that leaves at `nowMs` says of it, once it is known. */
  at(nowMs: number): { readonly at?: number } {
    return this.#aheadMs === -Infinity ? {} : { at: nowMs + this.#aheadMs }
  }
}
