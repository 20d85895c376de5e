import type { LimitReading } from "@sluice/core"
import type { RateKind } from "./rate-limit-options.ts"
import type { TakenLog } from "./taken-log.ts"
import * as tuned from "../tuned.ts"

/** What the answer's call and limit were when it was heard. */
export interface HeaderReading {
  readonly nowMs: number
  readonly sentMs: number
  readonly kind: RateKind
  readonly log: TakenLog
  /** What was refused is perhaps not counted. */
  readonly isRefusal: boolean
}

/** What several answers agree on. */
export interface WindowFinding {
  readonly kind: RateKind
  /** A bucket holds this much. */
  readonly depth?: number
  /** A fixed window ends then. */
  readonly resetAtMs?: number
}

/**
 * The kind and depth of a limit, from what answers say remains and when it is full again. A bucket's `remaining + rate × reset` is its
 * depth, always; a window's is more than its limit, and of windows a fixed one counts down to one moment, whatever was used.
 */
export class HeaderEvidence {
  readonly #dimension: LimitReading["dimension"]
  readonly #windowMs: number
  /** Answers in a row that no bucket would give. */
  #windows = 0
  /** Answers that named the same end, which lies between these two. */
  #ends = { fromMs: Infinity, toMs: -Infinity, firstMs: 0, count: 0 }
  /** Answers that agree with the first of them on `remaining + rate × reset`. */
  #full:
    | { fromMs: number; sentMs: number; first: number; depth: number; least: number; most: number; count: number }
    | undefined

  constructor(dimension: LimitReading["dimension"], windowMs: number) {
    this.#dimension = dimension
    this.#windowMs = windowMs
  }

  /** The limit changed: what was full before is no more. */
  restart(): void {
    this.#full = undefined
  }

  hear({ limit, remaining, resetMs }: LimitReading, heard: HeaderReading): WindowFinding | undefined {
    if (limit === undefined || remaining === undefined || resetMs === undefined) return undefined
    if (resetMs > this.#windowMs * 1.1) return undefined
    this.#countEnds(heard, resetMs)
    const full = remaining + (limit * resetMs) / this.#windowMs
    this.#windows = Math.max(
      0,
      Math.min(tuned.windowReadings, this.#windows + (full > limit * (1 + tuned.windowExcess) ? 1 : -1)),
    )
    const asWindow = (): WindowFinding | undefined => this.#asWindow(heard, limit, remaining, resetMs)
    const asBucket = (): WindowFinding | undefined => this.#asBucket(heard, limit, remaining, resetMs, full)
    if (heard.kind !== "fixed" || heard.isRefusal) return asWindow() ?? asBucket()
    // It is taken for a fixed window already: only its end may be missing, and no fixed window stays as full while it is used.
    return asBucket() ?? this.#asFixed(heard, limit, resetMs, full) ?? asWindow()
  }

  #countEnds({ nowMs, sentMs }: HeaderReading, resetMs: number): void {
    // Resets are rounded up to seconds at worst.
    const fromMs = sentMs + resetMs - 1_000
    const toMs = nowMs + resetMs
    const ends = this.#ends
    if (fromMs <= ends.toMs && toMs >= ends.fromMs && nowMs < ends.toMs) {
      ends.fromMs = Math.max(fromMs, ends.fromMs)
      ends.toMs = Math.min(toMs, ends.toMs)
      ends.count++
    } else this.#ends = { fromMs, toMs, firstMs: nowMs, count: 1 }
  }

  #asWindow(heard: HeaderReading, limit: number, remaining: number, resetMs: number): WindowFinding | undefined {
    if (this.#windows < tuned.windowReadings) return undefined
    const { sentMs, log, kind } = heard
    const ends = this.#ends
    const isSame = ends.count >= tuned.windowReadings && sentMs - ends.firstMs > 2_000
    const isCounted = this.#isCounted(heard, resetMs)
    const recent = log.since(sentMs - this.#windowMs * 0.9) - log.since(sentMs - tuned.orderMs)
    const hasForgotten = remaining > limit * (1 + tuned.windowExcess) - recent
    if (isSame || isCounted || hasForgotten) {
      return {
        kind: "fixed",
        ...((ends.count >= tuned.windowReadings || kind !== "fixed") && { resetAtMs: ends.toMs }),
      }
    }
    return kind === "bucket" ? { kind: "sliding" } : undefined
  }

  /** A sliding window is full again a whole window after the call that it has just counted; output is counted later. */
  #isCounted({ nowMs, sentMs }: HeaderReading, resetMs: number): boolean {
    return this.#dimension !== "outputTokens" && resetMs < this.#windowMs * (1 - tuned.windowSlack) - (nowMs - sentMs)
  }

  /** The first answer names the end that neither a full bucket nor a sliding window would give. */
  #asFixed(heard: HeaderReading, limit: number, resetMs: number, full: number): WindowFinding | undefined {
    const tolerance = limit * tuned.windowSlack + (limit * 1_000) / this.#windowMs
    if (resetMs <= 1_000 || Math.abs(full - limit) <= tolerance || !this.#isCounted(heard, resetMs)) return undefined
    return { kind: "fixed", resetAtMs: this.#ends.toMs }
  }

  #asBucket(
    { nowMs, sentMs, kind }: HeaderReading,
    limit: number,
    remaining: number,
    resetMs: number,
    depth: number,
  ): WindowFinding | undefined {
    const rounding = resetMs % 1_000 === 0 ? (limit * 1_000) / this.#windowMs : 0
    // Rounded to thousands, admitted or not.
    const tolerance = depth * tuned.windowSlack + rounding + (remaining % 1_000 === 0 ? 1_000 : 1)
    const full = this.#full
    if (!full || Math.abs(depth - full.first) > Math.max(tolerance, full.first * tuned.windowSlack)) {
      this.#full = { fromMs: nowMs, sentMs, first: depth, depth, least: remaining, most: remaining, count: 1 }
      return undefined
    }
    full.depth = Math.max(full.depth, depth)
    full.least = Math.min(full.least, remaining)
    full.most = Math.max(full.most, remaining)
    if (++full.count <= tuned.windowReadings || full.depth > limit + tolerance) return undefined
    // Only a bucket's stays the same while much is used. A fixed window counts down while nothing is.
    const isUsed = full.most - full.least >= Math.max(4 * tolerance, full.depth * tuned.windowExcess)
    // And a sliding one that is nearly used up looks like an empty bucket of its whole limit.
    const isShallow = kind === "bucket" || full.depth < limit * (1 - tuned.windowExcess)
    const share = kind === "bucket" ? tuned.depthSpan : tuned.windowExcess
    const isLong = nowMs - full.fromMs >= this.#windowMs * share
    // That of a window that ends soon would have fallen meanwhile. What left together was answered together, however late.
    const isStill = kind !== "bucket" && (sentMs - full.sentMs) * limit >= 2 * tolerance * this.#windowMs
    if (!isUsed && !(isShallow && (isLong || isStill))) return undefined
    return { kind: "bucket", depth: Math.min(limit, full.depth) }
  }
}
