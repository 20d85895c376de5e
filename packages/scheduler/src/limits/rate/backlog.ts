/**
 * What was taken and has not drained yet, as in a queue that is served at a rate (Lindley 1952): over any span t, keeping it
 * at or under D lets through at most D + rate × t (GCRA, Turner 1986). The rate is an argument, for it may change.
 *
 * @example
 * ```ts
 * const backlog = new Backlog(0)
 * backlog.put(3)
 * backlog.at(1_000, 0.001) // => 2
 * ```
 */
export class Backlog {
  #amount = 0
  #atMs: number

  constructor(nowMs: number) {
    this.#atMs = nowMs
  }

  /** `idle`: it drains this far below nothing, which is how long ago the last call may have left. */
  at(nowMs: number, perMs: number, idle = 0): number {
    const amount = nowMs > this.#atMs ? this.#amount - perMs * (nowMs - this.#atMs) : this.#amount
    return amount > -idle ? amount : idle === 0 ? 0 : -idle
  }

  /** Milliseconds until no more than `most` is left: 0, or at least what moves a clock on. A millionth is rounding, not a reason to wait. */
  msUntil(nowMs: number, most: number, perMs: number): number {
    const excess = this.#amount - most
    if (excess <= 0) return 0
    const ms = excess / perMs - Math.max(0, nowMs - this.#atMs)
    return ms * perMs <= 1e-6 ? 0 : Math.max(ms, 1e-3)
  }

  /** What it held when it was last drained or changed. */
  get held(): number {
    return this.#amount > 0 ? this.#amount : 0
  }

  /** More, right after it was drained. */
  put(amount: number): void {
    this.#amount = this.held + amount
  }

  /** Another that holds the same. */
  copy(): Backlog {
    const copy = new Backlog(this.#atMs)
    copy.#amount = this.#amount
    return copy
  }

  set(nowMs: number, amount: number): void {
    this.#amount = amount
    if (nowMs > this.#atMs) this.#atMs = nowMs
  }

  /** Keeps what drained until now at this rate. Returns what more would have drained, had there been anything. */
  drain(nowMs: number, perMs: number, idle: number): number {
    if (nowMs <= this.#atMs) return 0
    const drained = perMs * (nowMs - this.#atMs)
    const left = this.#amount - drained
    this.#atMs = nowMs
    this.#amount = left > -idle ? left : -idle
    return left < 0 ? Math.min(drained, -left) : 0
  }
}
