import type { Budget } from "../budget.ts"
import type { Use } from "../higher-use.ts"
import { Backlog } from "./backlog.ts"
import { Early } from "../early.ts"
import { HeardLevel } from "./heard-level.ts"
import { MeasuredSpan } from "./measured-span.ts"
import { PassedWindows } from "./passed-windows.ts"
import type { RateLimitOptions } from "./rate-limit-options.ts"
import { RateTerms } from "./rate-terms.ts"
import { SlowStart } from "./slow-start.ts"
import type { TakenLog } from "./taken-log.ts"
import * as tuned from "../tuned.ts"
import { WindowCount } from "./window-count.ts"

/**
 * What was taken of a limit, and so what may leave: over any span t the vendor admits at most depth + rate × t. What was taken is the
 * backlog of a queue that drains at the rate, so a call fits while backlog + amount is at most the depth; windows count what they hold
 * besides. Questions change nothing.
 */
export abstract class RateLevel extends RateTerms implements Budget {
  readonly span: MeasuredSpan
  readonly passed: PassedWindows
  readonly heard: HeardLevel = new HeardLevel()
  /** What was taken in all, to be compared with what an answer says. */
  taken = 0
  readonly early: Early = new Early()
  protected readonly start: SlowStart = new SlowStart()
  protected readonly backlog: Backlog
  protected readonly window: WindowCount
  /** Of our own calls alone, never corrected: what slow start and the depth are measured in. Kept where it is another. */
  #own: Backlog | undefined
  /** When a call last left, or had others waiting behind it. */
  #takenMs = Infinity

  constructor(options: RateLimitOptions) {
    super(options)
    const { windowMs, nowMs, kind } = options
    this.window = new WindowCount({ windowMs, marginMs: options.jitterMs, nowMs })
    this.backlog = new Backlog(nowMs)
    this.span = new MeasuredSpan(nowMs)
    this.passed = new PassedWindows(windowMs, nowMs)
    if (kind === "fixed" && options.resetAtMs !== undefined) this.window.fix(nowMs, options.resetAtMs)
  }

  /** What was taken, and when. */
  get log(): TakenLog {
    return this.window.log
  }

  level(nowMs: number): number {
    const perMs = this.perMs(nowMs)
    const left = this.depthAt(nowMs) - this.backlog.at(nowMs, perMs)
    return this.kind === "bucket" ? left : Math.min(left, this.#windowLevel(nowMs))
  }

  msUntil(nowMs: number, amount: number, alone: boolean): number {
    if (amount === 0) return 0
    if (amount > this.largest()) return Infinity
    const perMs = this.perMs(nowMs)
    const depth = this.depthAt(nowMs)
    const room = this.coTenants.perMs > 0 && !alone ? this.headroom(amount, this.heard.seen) : 0
    let ms = 0
    if (depth !== Infinity) {
      // Calls reach the vendor up to a jitter closer together than they left: room for that, or as long a pause.
      const jitter = this.jitterAt(nowMs, amount, perMs, depth)
      const most = depth - Math.min(amount, depth) - jitter - room - perMs * this.early.at(nowMs)
      ms = this.backlog.msUntil(nowMs, most, perMs)
    }
    if (this.isRamping) {
      const own = (this.#own ?? this.backlog).at(nowMs, perMs) + amount
      const rampMs = this.start.msUntil(nowMs, own, perMs, this.limit)
      if (rampMs > ms) ms = Math.min(rampMs, own / perMs)
    }
    if (this.kind === "bucket") return ms
    const missing = Math.min(amount + room, this.fullPerMs(nowMs) * this.windowMs) - this.#windowLevel(nowMs)
    if (missing <= 1e-6) return ms
    return Math.max(ms, this.window.msUntilFreed(nowMs - this.early.at(nowMs), missing))
  }

  /**
   * Milliseconds until `amount` leaves room, at any later moment too, for what higher priority takes: half of a window at most,
   * so that nobody starves. The next call of a bucket is never far, and a day's total is for who comes first.
   */
  msUntilSpared(nowMs: number, amount: number, { perMs: higherPerMs, each }: Use): number {
    if (amount === 0 || this.kind === "bucket" || this.daily) return 0
    const perMs = Math.min(higherPerMs, this.fullPerMs(nowMs) * tuned.keptMost)
    const missing = amount + this.window.shortBy(nowMs, perMs, each) - this.#windowLevel(nowMs)
    return missing <= 1e-6 ? 0 : Math.min(missing / perMs, this.window.msUntilFreed(nowMs, missing))
  }

  /** Milliseconds until a window would have room for `amount`, where one may count and has been filled; else `Infinity`. */
  msUntilFreed(nowMs: number, amount: number): number {
    if (this.isKindTold || this.isGuessed) return Infinity
    const missing = this.log.inWindow(nowMs) + amount - this.limit
    return missing > 0 ? this.log.msUntilFreed(nowMs, missing) : Infinity
  }

  /** No sooner than in so many ms `amount` can have been taken, however many calls it is of. A limit that is only guessed says nothing. */
  leastMs(nowMs: number, amount: number): number {
    const missing = amount - Math.max(0, this.level(nowMs))
    if (missing <= 0 || this.isGuessed) return 0
    if (this.kind !== "bucket") return this.window.leastMs(nowMs, missing, this.limit)
    return missing / Math.max(this.fullPerMs(nowMs), this.limit / this.windowMs)
  }

  /** Returns our own calls' backlog. */
  take(nowMs: number, amount: number): number {
    const perMs = this.perMs(nowMs)
    if (amount === 0) return (this.#own ?? this.backlog).at(nowMs, perMs)
    this.#drain(nowMs, perMs)
    this.backlog.put(amount)
    this.#own?.put(amount)
    const own = (this.#own ?? this.backlog).held
    this.start.took(nowMs, own, amount)
    // In a pause nothing contradicts a depth: it is what it was.
    const pauseMs = nowMs - this.#takenMs
    if (pauseMs > tuned.holdMs) this.depth.pause(pauseMs)
    this.#takenMs = nowMs
    this.window.take(nowMs, amount)
    this.taken += amount
    this.span.add(amount)
    this.passed.add(amount)
    return own
  }

  /** Others wait behind who leaves now: what ran over until now was held back by something else, and not for want of calls. */
  pressed(nowMs: number): void {
    const { idled } = this.span
    this.drain(nowMs)
    this.span.idled = idled
    this.#takenMs = nowMs
    this.span.crowded++
  }

  give(nowMs: number, amount: number, takenMs: number): void {
    this.drain(nowMs)
    this.backlog.set(nowMs, Math.max(0, this.backlog.held - amount))
    this.#own?.set(nowMs, Math.max(0, this.#own.held - amount))
    this.window.give(nowMs, amount, takenMs)
    this.taken -= amount
    if (takenMs >= this.span.fromMs) this.span.admitted -= amount
  }

  /** Charged, perhaps, but refused: no part of what the vendor admitted. */
  notAdmitted(amount: number, takenMs: number): void {
    if (takenMs >= this.span.fromMs) this.span.admitted -= amount
    this.passed.add(-amount)
    this.coTenants.refused += amount
  }

  /** So much of what was taken at `takenMs` was counted only now: it leaves a window later. */
  move(nowMs: number, amount: number, takenMs: number): void {
    if (amount === 0 || this.kind === "bucket") return
    this.log.give(nowMs, amount, takenMs)
    this.log.take(nowMs, amount)
  }

  /** The rate that was seen to pass in one of the last windows: beyond what may have stood ready. */
  passedPerMs(nowMs: number): number {
    const depth = Math.min(this.depthAt(nowMs), this.limit)
    return Math.max(0, (this.passed.most - (depth === Infinity ? 0 : depth)) / this.windowMs)
  }

  /** Somebody else used so much (or less was used than we thought). */
  correct(nowMs: number, error: number): void {
    this.drain(nowMs)
    this.recount(nowMs, this.backlog.held - error)
    if (this.kind !== "bucket") this.window.correct(nowMs, error)
  }

  setLevel(nowMs: number, level: number): void {
    this.drain(nowMs)
    const depth = this.depthAt(nowMs)
    if (depth !== Infinity) this.recount(nowMs, depth - level)
    if (this.kind !== "bucket") this.correct(nowMs, level - this.level(nowMs))
  }

  /** What others took is counted like our own as soon as it is seen. */
  #windowLevel(nowMs: number): number {
    return this.fullPerMs(nowMs) * this.windowMs - this.window.used(nowMs - this.early.at(nowMs))
  }

  /** The backlog is not what our own calls make it. */
  protected recount(nowMs: number, backlog: number): void {
    this.#own ??= this.backlog.copy()
    this.backlog.set(nowMs, Math.max(0, backlog))
  }

  /** Keeps what drained until now, before anything changes. */
  protected drain(nowMs: number): void {
    this.#drain(nowMs, this.perMs(nowMs))
  }

  #drain(nowMs: number, perMs: number): void {
    this.#own?.drain(nowMs, perMs, 0)
    this.span.idled += this.backlog.drain(nowMs, perMs, perMs * this.early.at(nowMs))
    if (this.span.isMeasured) this.#measure(nowMs)
    if (this.passed.isOver(nowMs)) this.#turn(nowMs)
  }

  #measure(nowMs: number): void {
    this.span.saw(this.depthAt(nowMs) - this.backlog.held)
  }

  #turn(nowMs: number): void {
    this.passed.turn(nowMs)
    this.rate.low = this.passedPerMs(nowMs)
  }
}
