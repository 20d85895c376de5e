import { slack, type LimitModel } from "./limit-model.ts"

/** A fresh limit at `anchorMs` and every `windowMs` from there. What was overdrawn is forgiven with the window. */
export class FixedWindowModel implements LimitModel {
  limit: number
  readonly windowMs: number
  readonly #anchorMs: number
  #window = -Infinity
  #used = 0

  constructor(limit: number, windowMs: number, anchorMs: number) {
    this.limit = limit
    this.windowMs = windowMs
    this.#anchorMs = anchorMs
  }

  tryTake(nowMs: number, amount: number): boolean {
    if (this.msUntil(nowMs, amount) > 0) return false
    this.#used += amount
    return true
  }

  take(nowMs: number, amount: number): void {
    this.#turn(nowMs)
    this.#used += amount
  }

  remaining(nowMs: number): number {
    this.#turn(nowMs)
    return this.limit - this.#used
  }

  msUntil(nowMs: number, amount: number): number {
    if (amount > this.limit + slack) return Infinity
    this.#turn(nowMs)
    return this.#used + amount <= this.limit + slack ? 0 : this.#endMs() - nowMs
  }

  msUntilFull(nowMs: number): number {
    this.#turn(nowMs)
    return this.#used === 0 ? 0 : this.#endMs() - nowMs
  }

  retune(_nowMs: number, limit: number): void {
    this.limit = limit
  }

  #endMs(): number {
    return this.#anchorMs + (this.#window + 1) * this.windowMs
  }

  #turn(nowMs: number): void {
    const window = Math.floor((nowMs + slack - this.#anchorMs) / this.windowMs)
    if (window <= this.#window) return
    this.#window = window
    this.#used = 0
  }
}
