import { slack, type LimitModel } from "./limit-model.ts"

/** Exact log: never more than `limit` in any `windowMs`. An entry leaves when it is exactly `windowMs` old. */
export class SlidingWindowModel implements LimitModel {
  limit: number
  readonly windowMs: number
  #times: number[] = []
  #amounts: number[] = []
  #head = 0
  #total = 0

  constructor(limit: number, windowMs: number) {
    this.limit = limit
    this.windowMs = windowMs
  }

  tryTake(nowMs: number, amount: number): boolean {
    if (this.msUntil(nowMs, amount) > 0) return false
    this.take(nowMs, amount)
    return true
  }

  take(nowMs: number, amount: number): void {
    this.#expire(nowMs)
    if (amount === 0) return
    this.#times.push(nowMs)
    this.#amounts.push(amount)
    this.#total += amount
  }

  remaining(nowMs: number): number {
    this.#expire(nowMs)
    return this.limit - this.#total
  }

  msUntil(nowMs: number, amount: number): number {
    if (amount > this.limit + slack) return Infinity
    this.#expire(nowMs)
    let excess = this.#total + amount - this.limit
    if (excess <= slack) return 0
    let at = this.#head
    while (excess > slack && at < this.#amounts.length) excess -= this.#amounts[at++] as number
    return (this.#times[at - 1] as number) + this.windowMs - nowMs
  }

  msUntilFull(nowMs: number): number {
    this.#expire(nowMs)
    const last = this.#times.at(-1)
    return last === undefined ? 0 : last + this.windowMs - nowMs
  }

  retune(_nowMs: number, limit: number): void {
    this.limit = limit
  }

  #expire(nowMs: number): void {
    const goneMs = nowMs - this.windowMs + slack
    while (this.#head < this.#times.length && (this.#times[this.#head] as number) <= goneMs) {
      this.#total -= this.#amounts[this.#head++] as number
    }
    if (this.#head === this.#times.length) this.#total = 0
    if (this.#head > 512 && this.#head * 2 > this.#times.length) {
      this.#times = this.#times.slice(this.#head)
      this.#amounts = this.#amounts.slice(this.#head)
      this.#head = 0
    }
  }
}
