import type { LimitReading } from "@sluice/core"
import { Backlog } from "./backlog.ts"
import type { Budget } from "../budget.ts"
import { HeaderEvidence } from "./header-evidence.ts"
import { HeardLevel } from "./heard-level.ts"
import { MeasuredSpan } from "./measured-span.ts"
import { PassedWindows } from "./passed-windows.ts"
import type { RateKind, RateLimitOptions } from "./rate-limit-options.ts"
import { RateTerms } from "./rate-terms.ts"
import { SlowStart } from "./slow-start.ts"
import type { TakenLog } from "./taken-log.ts"
import { tuned } from "../tuned.ts"
import { WindowCount } from "./window-count.ts"

/**
 * One limit: over any span t the vendor admits at most depth + rate × t. What was taken is the backlog of a queue that drains at the
 * rate, so a call fits while backlog + amount is at most the depth; windows count what they hold besides. Questions change nothing.
 */
export class RateLimit extends RateTerms implements Budget {
  readonly span: MeasuredSpan
  readonly heard: HeardLevel = new HeardLevel()
  readonly #start = new SlowStart()
  readonly #evidence: HeaderEvidence
  readonly #backlog: Backlog
  readonly #window: WindowCount
  /** Of our own calls alone, never corrected: what slow start and the depth are measured in. */
  readonly #own: Backlog
  /** How much closer together than they left calls reached the vendor, as far as refusals showed. */
  earlyMs = 0
  /** When it was last refused, and how often each soon after the other. */
  eventMs: number = -Infinity
  inARow = 0
  /** Refusals that a window does not explain. */
  doubts = 0
  /** What was taken in all, to be compared with what an answer says. */
  taken = 0
  readonly passed: PassedWindows

  constructor(options: RateLimitOptions) {
    super(options)
    const { dimension, windowMs, nowMs, kind } = options
    this.#window = new WindowCount({ windowMs, marginMs: options.jitterMs, nowMs })
    this.#backlog = new Backlog(nowMs)
    this.#own = new Backlog(nowMs)
    this.#evidence = new HeaderEvidence(dimension as LimitReading["dimension"], windowMs)
    this.span = new MeasuredSpan(nowMs)
    this.passed = new PassedWindows(windowMs, nowMs)
    if (kind === "fixed" && options.resetAtMs !== undefined) this.#window.fix(nowMs, options.resetAtMs)
  }

  /** What was taken, and when. */
  get log(): TakenLog {
    return this.#window.log
  }

  /** Our own calls' backlog. */
  ownAt(nowMs: number): number {
    return this.#own.at(nowMs, this.perMs(nowMs))
  }

  level(nowMs: number): number {
    const perMs = this.perMs(nowMs)
    const left = this.depthAt(nowMs) - this.#backlog.at(nowMs, perMs)
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
      const most = depth - Math.min(amount, depth) - jitter - room - perMs * this.earlyMs
      ms = this.#backlog.msUntil(nowMs, most, perMs)
    }
    if (this.isRamping) {
      const own = this.#own.at(nowMs, perMs) + amount
      const rampMs = this.#start.msUntil(nowMs, own, perMs, this.limit)
      if (rampMs > ms) ms = Math.min(rampMs, own / perMs)
    }
    if (this.kind === "bucket") return ms
    const missing = Math.min(amount + room, this.fullPerMs(nowMs) * this.windowMs) - this.#windowLevel(nowMs)
    if (missing <= 1e-6) return ms
    return Math.max(ms, this.#window.msUntilFreed(nowMs, missing))
  }

  /** No sooner than in so many ms `amount` can have been taken, however many calls it is of. A limit that is only guessed says nothing. */
  leastMs(nowMs: number, amount: number): number {
    const missing = amount - Math.max(0, this.level(nowMs))
    if (missing <= 0 || this.isGuessed) return 0
    if (this.kind !== "bucket") return this.#window.leastMs(nowMs, missing, this.limit)
    return missing / Math.max(this.fullPerMs(nowMs), this.limit / this.windowMs)
  }

  take(nowMs: number, amount: number): void {
    const perMs = this.perMs(nowMs)
    this.#advance(nowMs, perMs)
    this.#backlog.add(nowMs, amount, perMs)
    this.#own.add(nowMs, amount, perMs)
    this.#start.took(nowMs, this.#own.at(nowMs, perMs), amount)
    this.#window.take(nowMs, amount)
    this.taken += amount
    this.span.admitted += amount
    this.span.calls++
    this.passed.add(amount)
  }

  /** Others wait behind who leaves now: what ran over until now was held back by something else, and not for want of calls. */
  pressed(nowMs: number): void {
    this.#advance(nowMs, this.perMs(nowMs), true)
    this.span.crowded++
  }

  give(nowMs: number, amount: number, takenMs: number): void {
    const perMs = this.perMs(nowMs)
    this.#advance(nowMs, perMs)
    this.#backlog.set(nowMs, Math.max(0, this.#backlog.at(nowMs, perMs) - amount))
    this.#own.set(nowMs, Math.max(0, this.#own.at(nowMs, perMs) - amount))
    this.#window.give(nowMs, amount, takenMs)
    this.taken -= amount
    if (takenMs >= this.span.fromMs) this.span.admitted -= amount
  }

  /** Charged, perhaps, but refused: no part of what the vendor admitted. */
  notAdmitted(amount: number, takenMs: number): void {
    if (takenMs >= this.span.fromMs) this.span.admitted -= amount
    this.passed.add(-amount)
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

  /** A congestion event was this limit's. */
  refused(nowMs: number): void {
    this.inARow = nowMs - this.eventMs < tuned.stands.holdMs ? this.inARow + 1 : 1
    this.eventMs = nowMs
  }

  /** Whether calls that fill a sliding window free it only later than `atMs`: a fixed one, then. */
  endsBefore(nowMs: number, atMs: number): boolean {
    return atMs < this.log.firstSince(nowMs - this.windowMs) + this.windowMs * (1 - tuned.room)
  }

  /** Somebody else used so much (or less was used than we thought). */
  correct(nowMs: number, error: number): void {
    const perMs = this.perMs(nowMs)
    this.#advance(nowMs, perMs)
    this.#backlog.set(nowMs, Math.max(0, this.#backlog.at(nowMs, perMs) - error))
    if (this.kind !== "bucket") this.#window.correct(nowMs, error)
  }

  setLevel(nowMs: number, level: number): void {
    this.#advance(nowMs, this.perMs(nowMs))
    const depth = this.depthAt(nowMs)
    if (depth !== Infinity) this.#backlog.set(nowMs, Math.max(0, depth - level))
    if (this.kind !== "bucket") this.correct(nowMs, level - this.level(nowMs))
  }

  /** Refused: no more is left than this. */
  empty(nowMs: number, level: number, sentMs: number): void {
    const excess = this.level(nowMs) - level
    if (this.kind === "bucket" && excess > 0) {
      const heardAgoMs = nowMs - this.heard.atMs
      if (heardAgoMs <= tuned.trustMs)
        this.coTenants.notice(
          Math.max(50, heardAgoMs),
          Math.min(Math.max(0, excess + level), this.heard.seen),
          this.fullPerMs(nowMs),
        )
      this.setLevel(nowMs, level)
    }
    this.heard.corrected(sentMs)
    this.#start.refused()
  }

  becomes(nowMs: number, kind: RateKind, resetAtMs?: number, isTold = false): void {
    const level = this.level(nowMs)
    this.countAs(kind, isTold)
    this.#window.slide()
    this.doubts = 0
    if (kind === "bucket") {
      if (level < Infinity) this.setLevel(nowMs, Math.min(level, this.depthAt(nowMs)))
      return
    }
    this.headerDepth = undefined
    this.#backlog.set(nowMs, Math.min(this.#backlog.at(nowMs, this.perMs(nowMs)), this.log.inWindow(nowMs)))
    if (kind === "fixed" && resetAtMs !== undefined) this.#window.fix(nowMs, resetAtMs)
  }

  /** The user's number changed. */
  setTold(nowMs: number, limit: number): void {
    const level = this.level(nowMs)
    this.#advance(nowMs, this.perMs(nowMs))
    this.tell(limit)
    // The level is kept, not the use.
    if (this.kind === "bucket") this.setLevel(nowMs, Math.min(level, this.depthAt(nowMs)))
  }

  /** The user names a limit that was learned, and perhaps how it is counted. */
  adopt(nowMs: number, options: Pick<RateLimitOptions, "name" | "told" | "kind" | "burst" | "resetAtMs">): void {
    const level = Math.min(this.level(nowMs), options.told!)
    this.setTold(nowMs, options.told!)
    this.tellMore(options)
    if (options.kind !== undefined) this.becomes(nowMs, options.kind, options.resetAtMs, true)
    this.setLevel(nowMs, level)
  }

  /**
   * What an answer says. `anchor` is what `taken` was when its call left; without it (the limit was not known then) `remaining`
   * cannot be compared. `uncharged`: what we reserved for calls in flight and the vendor may charge only as they end.
   * Returns the kind that it takes back, where the user had told another.
   */
  hear(
    nowMs: number,
    reading: LimitReading,
    anchor: number | undefined,
    sentMs: number,
    uncharged: number,
    isRefusal = false,
  ): RateKind | undefined {
    const isNewLimit = this.#hearLimit(nowMs, reading, anchor)
    const was = this.isKindTold ? this.kind : undefined
    this.#hearKind(nowMs, reading, anchor, sentMs)
    if (reading.remaining !== undefined && !isRefusal) {
      // Under another limit than before, what is missing was taken by nobody.
      if (isNewLimit) this.heard.corrected(nowMs)
      const spanMs = nowMs - this.heard.sinceMs(sentMs)
      this.heard.atMs = nowMs
      if (anchor !== undefined && this.heard.isNews(sentMs))
        this.#hearLevel(nowMs, reading, anchor, sentMs, uncharged, spanMs)
      this.heard.seen = Math.max(this.heard.seen, reading.remaining)
    }
    return was !== undefined && was !== this.kind ? was : undefined
  }

  #hearLimit(nowMs: number, { limit, remaining }: LimitReading, anchor: number | undefined): boolean {
    if (!this.isOther(limit)) return false
    const before = this.limit
    const level = this.level(nowMs)
    this.state(limit)
    this.#evidence.restart()
    if (this.limit === before) return false
    // The level is kept, not the use.
    const counted = anchor !== undefined && remaining !== undefined ? remaining - (this.taken - anchor) : Infinity
    if (this.kind === "bucket" && level < Infinity) this.setLevel(nowMs, Math.min(level, this.depthAt(nowMs), counted))
    return true
  }

  #hearKind(nowMs: number, reading: LimitReading, anchor: number | undefined, sentMs: number): void {
    const found = this.#evidence.hear(reading, { nowMs, sentMs, kind: this.kind, log: this.log })
    if (!found) return
    const { kind, depth, resetAtMs } = found
    if (kind === "bucket") {
      const before = this.depthAt(nowMs)
      this.headerDepth = Math.min(this.limit, depth ?? Infinity)
      if (this.kind !== "bucket") {
        this.countAs("bucket", false)
        this.#window.slide()
        // Of a herd the most were refused, and perhaps not charged.
        const since = anchor === undefined ? 0 : this.taken - anchor
        this.setLevel(nowMs, Math.max(-this.headerDepth, reading.remaining! - since))
        return
      }
      const after = this.depthAt(nowMs)
      if (after < before * 0.9) this.coTenants.forget()
      // The level stays what it is: a shallower bucket was never so full.
      const perMs = this.perMs(nowMs)
      const backlog = this.#backlog.at(nowMs, perMs) - Math.max(0, before - after)
      this.#backlog.set(nowMs, Math.max(0, backlog))
    } else if (kind !== this.kind) this.becomes(nowMs, kind, resetAtMs)
    else if (resetAtMs !== undefined) this.#window.hearReset(nowMs, sentMs + reading.resetMs!, resetAtMs)
  }

  #hearLevel(
    nowMs: number,
    { remaining, roundedTo }: LimitReading,
    anchor: number,
    sentMs: number,
    uncharged: number,
    spanMs: number,
  ): void {
    const perMs = this.fullPerMs(nowMs)
    const level = this.level(nowMs)
    if (level === Infinity || remaining === undefined) return
    const isBucket = this.kind === "bucket"
    const flowed = isBucket ? perMs * (nowMs - sentMs) : this.#window.freedSince(nowMs, sentMs, this.limit)
    const reading = {
      remaining,
      level,
      sentMs,
      since: this.taken - anchor,
      reordered: this.log.since(sentMs - tuned.orderMs) - (this.taken - anchor),
      flowed,
      sureFlow: isBucket ? flowed : 0,
      uncharged,
      tolerance: (roundedTo ?? 0) / 2 + perMs * this.jitterMs + 1,
      // A window forgets small errors by itself.
      raisesAbove: isBucket ? 0 : this.limit * tuned.windowExcess,
      mayRaise: this.mayRaise(nowMs, remaining),
    }
    const error = this.heard.error(reading)
    if (error !== 0) this.correct(nowMs, error)
    this.coTenants.held(nowMs - sentMs)
    this.coTenants.notice(Math.max(50, spanMs), this.heard.missed(error, reading), perMs)
  }

  /** What others took is counted like our own as soon as it is seen. */
  #windowLevel(nowMs: number): number {
    return this.fullPerMs(nowMs) * this.windowMs - this.#window.used(nowMs)
  }

  #advance(nowMs: number, perMs: number, isPressed = false): void {
    if (!isPressed) this.span.idled += this.#backlog.idled(nowMs, perMs)
    this.#backlog.drain(nowMs, perMs, perMs * this.earlyMs)
    this.#own.drain(nowMs, perMs, 0)
    const ready = this.depthAt(nowMs) - this.#backlog.at(nowMs, perMs)
    if (ready > this.span.peak) this.span.peak = ready
    if (this.passed.turn(nowMs)) this.rate.low = this.passedPerMs(nowMs)
  }
}
