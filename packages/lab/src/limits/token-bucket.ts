import { slack, type LimitModel } from "./limit-model.ts"

/** Refills continuously at `limit` per `windowMs`, holds at most `burst`, and may be in debt. */
export class TokenBucketModel implements LimitModel {
  limit: number
  readonly windowMs: number
  #burst: number
  #level: number
  #atMs: number

  constructor(limit: number, windowMs: number, burst: number, nowMs: number) {
    this.limit = limit
    this.windowMs = windowMs
    this.#burst = burst
    this.#level = burst
    this.#atMs = nowMs
  }

  tryTake(nowMs: number, amount: number): boolean {
    if (this.msUntil(nowMs, amount) > 0) return false
    this.#level -= amount
    return true
  }

  take(nowMs: number, amount: number): void {
    this.#refill(nowMs)
    this.#level -= amount
  }

  remaining(nowMs: number): number {
    this.#refill(nowMs)
    return this.#level
  }

  msUntil(nowMs: number, amount: number): number {
    if (amount > this.#burst + slack) return Infinity
    this.#refill(nowMs)
    return this.#level + slack >= amount ? 0 : ((amount - this.#level) * this.windowMs) / this.limit
  }

  msUntilFull(nowMs: number): number {
    this.#refill(nowMs)
    return ((this.#burst - this.#level) * this.windowMs) / this.limit
  }

  retune(nowMs: number, limit: number): void {
    this.#refill(nowMs)
    // A bucket that one call fits into keeps room for one.
    this.#burst = Math.max(Math.min(1, this.#burst), (this.#burst * limit) / this.limit)
    this.limit = limit
    this.#level = Math.min(this.#level, this.#burst)
  }

  #refill(nowMs: number): void {
    if (nowMs <= this.#atMs) return
    this.#level = Math.min(this.#burst, this.#level + ((nowMs - this.#atMs) * this.limit) / this.windowMs)
    this.#atMs = nowMs
  }
}
