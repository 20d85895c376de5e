import * as tuned from "../tuned.ts"

/** What an answer says remains, and what went on while its call was out. */
export interface RemainingReading {
  readonly remaining: number
  /** Our level as the answer came. */
  readonly level: number
  /** When its call left. */
  readonly sentMs: number
  /** What had been taken in all when its call left. */
  readonly taken: number
  /** What was taken since, and how much of what left just before may have overtaken it. */
  readonly since: number
  readonly reordered: number
  /** What came back since its call left: at most, and for sure. */
  readonly flowed: number
  readonly sureFlow: number
  /** What we reserved for calls in flight and the vendor may charge only as they end. */
  readonly uncharged: number
  readonly tolerance: number
  /** Less than this is no reason to raise the level, and nothing is where it may not be raised. */
  readonly raisesAbove: number
  readonly mayRaise: boolean
}

/**
 * How far our level is off, by what answers say remains: too high at once, too low only when several agree. The true level lies
 * between what remains and what remains less what left since, and what flowed in meanwhile.
 */
export class HeardLevel {
  /** When an answer last said what remains. */
  atMs: number = -Infinity
  /** The most that an answer ever said remains: nobody has seen more stand ready. */
  seen = 0
  /** The least time in which an answer came: what took longer may have been sent as much later, and what flowed in before is in what remained. */
  leastMs: number = Infinity
  /** When the call left whose answer last corrected the level. */
  #correctedMs = -Infinity
  #raises = 0
  #leastRaise = 0

  /** Since when an answer whose call left at `sentMs` tells anything new: what was missing by then has been seen. */
  sinceMs(sentMs: number): number {
    return Math.max(this.atMs, sentMs - tuned.trustMs)
  }

  took(ms: number): void {
    this.leastMs = Math.min(this.leastMs, ms)
  }

  /** The level is right as of what left then: answers to calls that left before it say nothing of it. */
  corrected(sentMs: number): void {
    this.#correctedMs = sentMs
  }

  isNews(sentMs: number): boolean {
    return sentMs >= this.#correctedMs
  }

  /** What the level has to be raised by, or, negative, lowered. */
  error(reading: RemainingReading): number {
    const { remaining, level, since, reordered, flowed, sureFlow, uncharged, tolerance } = reading
    const most = Math.max(remaining, remaining - since + flowed) + tolerance
    const least = Math.min(remaining, remaining - since - Math.max(0, reordered) + sureFlow) - tolerance - uncharged
    let error = 0
    if (level > most) error = most - tolerance - level
    else if (least - level > reading.raisesAbove && reading.mayRaise) {
      this.#leastRaise = this.#raises === 0 ? least - level : Math.min(this.#leastRaise, least - level)
      if (++this.#raises >= tuned.raises) error = this.#leastRaise + tolerance
    }
    if (level >= least || error !== 0) this.#raises = 0
    if (error !== 0) this.corrected(reading.sentMs)
    return error
  }

  /** How much of such an error others have taken. What we took to stand ready above anything ever seen was never there: nobody took it. */
  missed(error: number, { level, remaining }: RemainingReading): number {
    return error > 0 ? -error : Math.max(0, -error - Math.max(0, level - Math.max(this.seen, remaining)))
  }
}
