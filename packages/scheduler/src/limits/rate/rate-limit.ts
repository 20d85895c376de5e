import type { LimitReading } from "@sluice/core"
import * as tuned from "../tuned.ts"
import { HeaderEvidence } from "./header-evidence.ts"
import { RateLevel } from "./rate-level.ts"
import type { RateKind, RateLimitOptions } from "./rate-limit-options.ts"

/** One limit, and what teaches it: what answers say of it, its refusals, and the user's word. Its arithmetic is that of its level. */
export class RateLimit extends RateLevel {
  /** When it was last refused, and how often each soon after the other. */
  eventMs: number = -Infinity
  inARow = 0
  /** Refusals that a window does not explain. */
  doubts = 0
  readonly #evidence: HeaderEvidence

  constructor(options: RateLimitOptions) {
    super(options)
    this.#evidence = new HeaderEvidence(options.dimension as LimitReading["dimension"], options.windowMs)
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
    this.#hearKind(nowMs, reading, anchor, sentMs, isRefusal)
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

  #hearKind(
    nowMs: number,
    reading: LimitReading,
    anchor: number | undefined,
    sentMs: number,
    isRefusal: boolean,
  ): void {
    const found = this.#evidence.hear(reading, { nowMs, sentMs, kind: this.kind, log: this.log, isRefusal })
    if (!found) {
      // More remains than was taken for all that can stand ready.
      if (reading.remaining! > this.headerDepth! * (1 + tuned.windowExcess)) this.headerDepth = undefined
      return
    }
    const { kind, depth, resetAtMs } = found
    if (kind === "bucket") {
      const before = this.depthAt(nowMs)
      this.headerDepth = Math.min(this.limit, depth ?? Infinity)
      if (this.kind !== "bucket") {
        this.countAs("bucket", false)
        this.window.slide()
        // Of a herd the most were refused, and perhaps not charged.
        const since = anchor === undefined ? 0 : this.taken - anchor
        this.setLevel(nowMs, Math.max(-this.headerDepth, reading.remaining! - since))
        return
      }
      const after = this.depthAt(nowMs)
      if (after < before * 0.9) this.coTenants.forget()
      // The level stays what it is: a shallower bucket was never so full.
      const perMs = this.perMs(nowMs)
      const backlog = this.backlog.at(nowMs, perMs) - Math.max(0, before - after)
      this.recount(nowMs, backlog)
    } else if (kind !== this.kind) this.becomes(nowMs, kind, resetAtMs)
    else if (resetAtMs !== undefined) this.window.hearReset(nowMs, sentMs + reading.resetMs!, resetAtMs)
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
    this.heard.took(nowMs - sentMs)
    // What had just left our window may have been in the vendor's still.
    const flowed = isBucket
      ? perMs * (nowMs - sentMs)
      : this.window.freedSince(nowMs, sentMs - tuned.orderMs, this.limit)
    const since = this.taken - anchor
    const reading = {
      remaining,
      level,
      sentMs,
      taken: anchor,
      since,
      reordered: this.log.since(sentMs - tuned.orderMs) - since,
      flowed,
      sureFlow: isBucket ? perMs * this.heard.leastMs : 0,
      uncharged,
      tolerance: (roundedTo ?? 0) / 2 + perMs * this.jitterMs + 1,
      // A window forgets small errors by itself.
      raisesAbove: isBucket ? 0 : this.limit * tuned.windowExcess,
      mayRaise: this.mayRaise(nowMs, remaining),
    }
    const { seen } = this.heard
    // Tokens are charged as calls end, and what is hardly deeper than a call is full in between.
    if (isBucket && this.dimension === "requests" && seen > tuned.fewCalls)
      this.coTenants.hear(reading, perMs, remaining > seen / 2)
    const error = this.heard.error(reading)
    if (error !== 0) this.correct(nowMs, error)
    this.coTenants.held(nowMs - sentMs)
    this.coTenants.notice(Math.max(50, spanMs), this.heard.missed(error, reading), perMs)
  }

  /** Nobody told it, and several calls of `amount` leave before a refusal is heard. */
  isFast(nowMs: number, amount: number): boolean {
    return this.isGuessed && this.callMs(nowMs, amount) < tuned.fastMs
  }

  /** A congestion event was this limit's. */
  refused(nowMs: number): void {
    this.inARow = nowMs - this.eventMs < tuned.holdMs ? this.inARow + 1 : 1
    this.eventMs = nowMs
  }

  /** Whether calls that fill a sliding window free it only later than `atMs`: a fixed one, then. */
  endsBefore(nowMs: number, atMs: number): boolean {
    return atMs < this.log.firstSince(nowMs - this.windowMs) + this.windowMs * (1 - tuned.room)
  }

  /** What had left a window in the last moments before then. A known reset frees all: who came too early for it came too late as well. */
  justFreed(nowMs: number): number {
    return this.kind === "bucket" ? 0 : this.window.freedSince(nowMs, nowMs - 2 * tuned.mostJitterMs, 0)
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
    this.start.refused()
  }

  becomes(nowMs: number, kind: RateKind, resetAtMs?: number, isTold = false): void {
    const level = this.level(nowMs)
    this.countAs(kind, isTold)
    this.window.slide()
    this.doubts = 0
    if (kind === "bucket") {
      if (level < Infinity) this.setLevel(nowMs, Math.min(level, this.depthAt(nowMs)))
      return
    }
    this.headerDepth = undefined
    this.recount(nowMs, Math.min(this.backlog.at(nowMs, this.perMs(nowMs)), this.log.inWindow(nowMs)))
    if (kind === "fixed" && resetAtMs !== undefined) this.window.fix(nowMs, resetAtMs)
  }

  /** The user's number changed. */
  setTold(nowMs: number, limit: number): void {
    const level = this.level(nowMs)
    this.drain(nowMs)
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
}
