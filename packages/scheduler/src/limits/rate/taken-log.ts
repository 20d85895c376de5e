import * as tuned from "../tuned.ts"

const slotsPerWindow = 600
const ring = 2 * slotsPerWindow + 2

/** What a use of `perMs` on average takes in so many ms, in calls of `each` that come at random: 95 times of 100 no more. */
export function usedIn(ms: number, perMs: number, each: number): number {
  const mean = perMs * ms
  return mean + tuned.keptSigma * Math.sqrt(mean * each)
}

/**
 * What was taken, and when, over the last two windows, in slots of 1/600 of one. What is taken counts until a whole window after
 * the *end* of its slot (and `marginMs` more, for calls that reach the vendor later than they left): it never admits more than an exact
 * log would, and is at most 1/600 of a window slower. Reading changes nothing.
 *
 * @example
 * ```ts
 * const log = new TakenLog({ windowMs: 60_000, marginMs: 0 })
 * log.take(0, 2)
 * log.inWindow(1_000) // => 2
 * log.msUntilFreed(1_000, 1) // => 59100
 * ```
 */
export class TakenLog {
  readonly windowMs: number
  readonly #slotMs: number
  readonly #lifeMs: number
  readonly #baseMs: number
  readonly #amounts: Float64Array = new Float64Array(ring)
  #newest = 0
  /** Where the newest slot is in the ring. */
  #here = 0
  /** What the slots from `#oldest` to the newest hold. */
  #sum = 0
  #oldest = 0
  /** Until then no slot ends and none expires. */
  #sameUntilMs = -Infinity

  constructor(options: { readonly windowMs: number; readonly marginMs: number; readonly nowMs?: number }) {
    this.windowMs = options.windowMs
    this.#lifeMs = options.windowMs + options.marginMs
    this.#slotMs = this.#lifeMs / slotsPerWindow
    this.#baseMs = options.nowMs ?? 0
  }

  take(nowMs: number, amount: number): void {
    if (nowMs >= this.#sameUntilMs) this.#advance(nowMs)
    this.#amounts[this.#here]! += amount
    this.#sum += amount
  }

  /** Gives back what was taken at `takenMs`; what has left the window needs no refund. */
  give(nowMs: number, amount: number, takenMs: number): void {
    if (nowMs >= this.#sameUntilMs) this.#advance(nowMs)
    const slot = Math.min(this.#newest, Math.floor((takenMs - this.#baseMs) / this.#slotMs))
    if (slot < this.#oldest) return
    this.#amounts[slot % ring]! -= amount
    this.#sum -= amount
  }

  /** What still counts. */
  inWindow(nowMs: number): number {
    let sum = this.#sum
    for (let slot = this.#oldest; slot <= this.#newest && this.#expiresMs(slot) <= nowMs; slot++) sum -= this.#at(slot)
    return sum
  }

  /** Milliseconds until so much of what counts has left the window. */
  msUntilFreed(nowMs: number, amount: number): number {
    let freed = 0
    for (let slot = this.#oldest; slot <= this.#newest; slot++) {
      if (this.#expiresMs(slot) <= nowMs) continue
      freed += this.#at(slot)
      if (freed >= amount - 1e-6) return Math.max(0.001, this.#expiresMs(slot) - nowMs)
    }
    return this.#lifeMs
  }

  /** The most by which a use of `perMs`, in calls of `each`, is ahead of what has left the window by then, at any time from now on. */
  shortBy(nowMs: number, perMs: number, each: number): number {
    let freed = 0
    let most = 0
    for (let slot = this.#oldest; slot <= this.#newest; slot++) {
      const inMs = this.#expiresMs(slot) - nowMs
      if (inMs <= 0 || this.#at(slot) <= 0) continue
      most = Math.max(most, usedIn(inMs, perMs, each) - freed)
      freed += this.#at(slot)
    }
    return most
  }

  /** What was taken since then, as far as it is remembered. */
  since(ms: number): number {
    let sum = 0
    const from = Math.max(0, this.#newest - ring + 2, Math.floor((ms - this.#baseMs) / this.#slotMs))
    for (let slot = from; slot <= this.#newest; slot++) sum += this.#at(slot)
    return sum
  }

  /** When the first of what was taken since then left, or `Infinity`. */
  firstSince(ms: number): number {
    const from = Math.max(0, this.#newest - ring + 2, Math.ceil((ms - this.#baseMs) / this.#slotMs))
    for (let slot = from; slot <= this.#newest; slot++)
      if (this.#at(slot) > 0) return this.#baseMs + slot * this.#slotMs
    return Infinity
  }

  /** Takes this much out of the newest slots. */
  remove(nowMs: number, amount: number): void {
    if (nowMs >= this.#sameUntilMs) this.#advance(nowMs)
    let left = amount
    for (let slot = this.#newest; slot >= this.#oldest && left > 0; slot--) {
      const back = Math.min(this.#at(slot), left)
      this.#amounts[slot % ring]! -= back
      this.#sum -= back
      left -= back
    }
  }

  #at(slot: number): number {
    return this.#amounts[slot % ring]!
  }

  #expiresMs(slot: number): number {
    return this.#baseMs + (slot + 1) * this.#slotMs + this.#lifeMs
  }

  #advance(nowMs: number): void {
    const current = Math.max(this.#newest, Math.floor((nowMs - this.#baseMs) / this.#slotMs))
    while (this.#oldest <= this.#newest && this.#expiresMs(this.#oldest) <= nowMs) this.#sum -= this.#at(this.#oldest++)
    if (this.#oldest > this.#newest) {
      this.#oldest = current
      this.#sum = 0
    }
    if (current - this.#newest >= ring) this.#amounts.fill(0)
    else for (let slot = this.#newest + 1; slot <= current; slot++) this.#amounts[slot % ring] = 0
    this.#newest = current
    this.#here = current % ring
    // A little sooner: rounding must not keep a slot that is over.
    this.#sameUntilMs = Math.min(this.#expiresMs(this.#oldest), this.#baseMs + (current + 1) * this.#slotMs) - 1e-6
  }
}
