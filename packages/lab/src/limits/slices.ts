import { slack, type LimitModel } from "./limit-model.ts"
import { TokenBucketModel } from "./token-bucket.ts"

/**
 * "60 per minute enforced as 1 per second": each slice of the vendor's clock brings its share of the limit.
 * Of an unused share less than one whole call carries over, so that the long-run rate is exact and evenly spaced calls pass.
 * An amount beyond one slice's share passes when the share is untouched, and the next slices repay it.
 *
 * `remaining` and `msUntilFull` speak of the minute, as the headers of such vendors do.
 */
export class Slices implements LimitModel {
  limit: number
  readonly windowMs: number
  readonly #sliceMs: number
  readonly #minute: TokenBucketModel
  #level: number
  #slice: number

  constructor(limit: number, windowMs: number, sliceMs: number, nowMs: number) {
    this.limit = limit
    this.windowMs = windowMs
    this.#sliceMs = sliceMs
    this.#minute = new TokenBucketModel(limit, windowMs, limit, nowMs)
    this.#level = this.#share + carry
    this.#slice = Math.floor(nowMs / sliceMs)
  }

  get #share(): number {
    return (this.limit * this.#sliceMs) / this.windowMs
  }

  tryTake(nowMs: number, amount: number): boolean {
    if (this.msUntil(nowMs, amount) > 0) return false
    this.take(nowMs, amount)
    return true
  }

  take(nowMs: number, amount: number): void {
    this.#turn(nowMs)
    this.#level -= amount
    this.#minute.take(nowMs, amount)
  }

  remaining(nowMs: number): number {
    return this.#minute.remaining(nowMs)
  }

  msUntil(nowMs: number, amount: number): number {
    if (amount > this.limit + slack) return Infinity
    this.#turn(nowMs)
    // A share below one call is saved up until the call fits.
    const wanted = Math.min(amount, Math.max(1, this.#share))
    if (this.#level + slack >= wanted) return 0
    const slices = Math.ceil((wanted - this.#level - slack) / this.#share)
    return (this.#slice + slices) * this.#sliceMs - nowMs
  }

  msUntilFull(nowMs: number): number {
    return this.#minute.msUntilFull(nowMs)
  }

  retune(nowMs: number, limit: number): void {
    this.#turn(nowMs)
    this.limit = limit
    this.#minute.retune(nowMs, limit)
    this.#level = Math.min(this.#level, this.#share + carry)
  }

  #turn(nowMs: number): void {
    const slice = Math.floor(nowMs / this.#sliceMs + slack / this.#sliceMs)
    if (slice <= this.#slice) return
    const gained = (slice - this.#slice) * this.#share
    this.#level = Math.min(this.#level + gained, this.#share + carry)
    this.#slice = slice
  }
}

// Just under one: a whole unused call is gone with its slice.
const carry = 1 - 1e-3
