import { FixedWindow } from "./fixed-window.ts"
import { TakenLog, usedIn } from "./taken-log.ts"

/**
 * What a window holds: of a sliding one, what was taken in the last of them; of a fixed one, what was taken since its reset.
 *
 * @example
 * ```ts
 * const count = new WindowCount({ windowMs: 60_000, marginMs: 0, nowMs: 0 })
 * count.take(0, 2)
 * count.used(1_000) // => 2
 * count.fix(1_000, 30_000)
 * count.used(30_000) // => 0
 * ```
 */
export class WindowCount {
  readonly log: TakenLog
  readonly #windowMs: number
  readonly #marginMs: number
  #fixed: FixedWindow | undefined

  constructor(options: { readonly windowMs: number; readonly marginMs: number; readonly nowMs: number }) {
    this.#windowMs = options.windowMs
    this.#marginMs = options.marginMs
    this.log = new TakenLog(options)
  }

  used(nowMs: number): number {
    return this.#fixed ? this.#fixed.used(nowMs) : this.log.inWindow(nowMs)
  }

  msUntilFreed(nowMs: number, amount: number): number {
    return this.#fixed ? this.#fixed.msUntilReset(nowMs) : this.log.msUntilFreed(nowMs, amount)
  }

  /** No sooner than in so many ms `missing` more can have been taken: what is beyond a `limit` waits for another window. */
  leastMs(nowMs: number, missing: number, limit: number): number {
    return Math.max(
      this.msUntilFreed(nowMs, Math.min(missing, limit)),
      (Math.ceil(missing / limit) - 1) * this.#windowMs,
    )
  }

  /** The most by which a use of `perMs`, in calls of `each`, is ahead of what is freed by then, at any time from now on. */
  shortBy(nowMs: number, perMs: number, each: number): number {
    if (this.#fixed) return usedIn(this.#fixed.msUntilReset(nowMs), perMs, each)
    return this.log.shortBy(nowMs, perMs, each)
  }

  /** What has left the window since then; a reset frees the whole `limit`. */
  freedSince(nowMs: number, sinceMs: number, limit: number): number {
    if (this.#fixed) return this.#fixed.wasReset(nowMs, sinceMs) ? limit : 0
    return Math.max(0, this.log.since(sinceMs - this.#windowMs) - this.log.since(nowMs - this.#windowMs))
  }

  take(nowMs: number, amount: number): void {
    this.log.take(nowMs, amount)
    this.#fixed?.take(nowMs, amount)
  }

  give(nowMs: number, amount: number, takenMs: number): void {
    this.log.give(nowMs, amount, takenMs)
    this.#fixed?.give(nowMs, amount, takenMs)
  }

  /** So much more is free than was counted, or, negative, less. */
  correct(nowMs: number, error: number): void {
    if (error < 0) this.log.take(nowMs, -error)
    else this.log.remove(nowMs, error)
    this.#fixed?.setUsed(nowMs, Math.max(0, this.#fixed.used(nowMs) - error))
  }

  /** It counts between resets, of which this is one. */
  fix(nowMs: number, resetAtMs: number): void {
    const passed = Math.max(0, Math.floor((nowMs - resetAtMs) / this.#windowMs) + 1)
    const lastMs = resetAtMs + (passed - 1) * this.#windowMs
    this.#fixed = new FixedWindow({
      windowMs: this.#windowMs,
      resetAtMs,
      marginMs: this.#marginMs,
      nowMs,
      used: this.log.since(lastMs),
    })
  }

  /** An answer named the next reset, which lies between these two. */
  hearReset(nowMs: number, earliestMs: number, latestMs: number): void {
    if (this.#fixed) this.#fixed.hearReset(earliestMs, latestMs)
    else this.fix(nowMs, latestMs)
  }

  /** It knows of no resets. */
  slide(): void {
    this.#fixed = undefined
  }
}
