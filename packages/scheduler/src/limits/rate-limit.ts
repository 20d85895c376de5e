import type { LimitReading } from "@sluice/core"
import type { Budget, Dimension } from "./budget.ts"
import type { RateKind, RateLimitOptions, Refusal, Told } from "./rate-limit-options.ts"
import { LearnedShare, rampGrowth } from "../quota/learned-share.ts"
import { BucketDepth } from "./bucket-depth.ts"
import { FixedWindow } from "./fixed-window.ts"
import { type Episode, MeasuredRate } from "./measured-rate.ts"
import { Others } from "./co-tenants.ts"
import { type RateModel, rateModel } from "./rate-model.ts"
import { TokenBucket } from "./token-bucket.ts"
import { WindowEvidence } from "./window-evidence.ts"

/** A guess from the first refusal may be this many times too low. */
const mostGrowth = 1_000
/** So many readings in a row must say that more remains before it is believed. */
const highsThatCount = 5
/** So many refusals with half of the window left say that the vendor counts otherwise. */
const doubtsThatCount = 2
/** Headers this recent describe the present. */
const trustHeadersMs = 60_000
/** Fewer calls than this measure a rate badly: it is not taken to be below this share of what was believed. */
const fewCalls = 8
const leastByFew = 0.8
/**
 * One rate of a vendor as we believe it to be: the user's word, corrected by what the vendor's answers say.
 *
 * Three corrections, each from evidence of its own: the *limit* (headers, refusals), the *level* (`remaining`, compared with
 * our own level at the moment the call left, so that calls in flight are not counted twice), and the *others* (what a hidden
 * consumer takes, seen as remaining that falls faster than ours, and given room).
 */
export class RateLimit implements Budget {
  readonly dimension: Dimension
  readonly windowMs: number
  /** Keeps to a pace at which the vendor lets traffic grow: no limit that anybody ever names. */
  readonly isGovernor: boolean
  #name: string
  #told: boolean
  #toldLimit: number
  #heardLimit: number | undefined
  #kind: RateKind
  #model: RateModel
  #kindKnown: boolean
  #depth: BucketDepth
  #burstKnown: boolean
  /** The vendor refused while its own number said there was room: a shorter slice stands behind it. */
  #refuted = false
  readonly #jitterMs: number
  readonly #share: LearnedShare
  readonly #others: Others
  /** Sum of all corrections of the level: what was corrected since a call left must not be corrected again. */
  #corrections = 0
  #resetAtMs: number | undefined
  readonly #sinceMs: number
  readonly #windows: WindowEvidence
  /** Readings in a row that said that more remains than we believe, and the least of what they said. */
  #highInARow = 0
  #leastHigh = 0
  /** The most that an answer ever said remains: nobody has seen more stand ready. */
  #highest = 0
  readonly #measured = new MeasuredRate()
  /** What an answer last said stands ready when nothing is missing: what remains, and what flows in until it is full again. */
  #fullAt = Infinity
  /** Refusals that a window of this length does not explain. */
  #doubts = 0
  /** What passed in this window and in those before it: the vendor's rate is no lower. */
  #passed = [0, 0, 0]
  #passedSinceMs: number
  /** What had run over, unused, by the last episode. */
  #spilledBefore = 0
  /** When the call left whose answer last corrected the level. */
  #evidenceMs = -Infinity
  /** When an answer first named the limit: there was nothing yet to compare with what remains. */
  #learnedMs = -Infinity
  /** When an answer last said what remains. */
  #heardMs = -Infinity

  constructor(options: RateLimitOptions) {
    this.#name = options.name
    this.dimension = options.dimension
    this.windowMs = options.windowMs
    this.#told = options.told
    this.isGovernor = options.growth === rampGrowth
    this.#toldLimit = options.limit
    this.#jitterMs = options.jitterMs
    this.#sinceMs = options.nowMs
    this.#passedSinceMs = options.nowMs
    this.#kindKnown = options.kind !== undefined
    this.#depth = new BucketDepth(options.burst)
    this.#burstKnown = options.burst !== undefined || options.kind !== undefined
    // A guess may turn out too low; the user's word and the vendor's are ceilings.
    this.#share = options.growth ? new LearnedShare(mostGrowth, options.nowMs, options.growth) : new LearnedShare(1)
    this.#resetAtMs = options.resetAtMs
    this.#others = new Others(options.nowMs)
    this.#windows = new WindowEvidence(this)
    this.#kind = options.kind ?? "bucket"
    this.#model = this.#build(options.nowMs)
  }

  /** As the user wrote it, else in words. */
  get name(): string {
    return this.#name
  }

  /** Whether the user named it. */
  get told(): boolean {
    return this.#told
  }

  /** The limit per window as believed now, before room for others. */
  get limit(): number {
    return this.told ? Math.min(this.#toldLimit, this.#heardLimit ?? Infinity) : (this.#heardLimit ?? this.#toldLimit)
  }

  get kind(): RateKind {
    return this.#kind
  }

  /** A day's total, counted between resets: when it is gone, waiting is a decision. */
  get daily(): boolean {
    return this.windowMs >= 86_400_000 && this.#kind === "fixed"
  }

  get burstKnown(): boolean {
    return this.#burstKnown
  }

  /** What others seem to take, per window. */
  get others(): number {
    return this.#others.perMs * this.windowMs
  }

  /** What may leave at once. */
  get burst(): number {
    return this.#burst()
  }

  get ratePerMs(): number {
    const full = (this.limit / this.windowMs) * this.#share.value
    return Math.max(full * 0.05, full - this.#others.perMs)
  }

  level(nowMs: number): number {
    return this.#model.level(nowMs)
  }

  msUntil(nowMs: number, amount: number, alone: boolean): number {
    if (amount === 0) return 0
    if (amount > this.largest()) return Infinity
    if (this.#share.grow(nowMs)) this.#retune(nowMs)
    return this.#model.msUntil(
      nowMs,
      this.#others.perMs > 0 && !alone
        ? amount + this.#others.room(amount, this.limit / this.windowMs, this.#highest)
        : amount,
    )
  }

  take(nowMs: number, amount: number): void {
    while (nowMs - this.#passedSinceMs >= this.windowMs) {
      this.#passed = [0, ...this.#passed.slice(0, 2)]
      this.#passedSinceMs = Math.max(this.#passedSinceMs + this.windowMs, nowMs - 3 * this.windowMs)
    }
    this.#passed[0]! += amount
    this.#model.take(nowMs, amount)
  }

  /** Others wait behind who leaves now: what ran over until now was held back by something else, and not for want of calls. */
  pressed(nowMs: number): void {
    if (this.#model instanceof TokenBucket) this.#spilledBefore = this.#model.spilled(nowMs)
  }

  /** So much of what was taken was refused. */
  notPassed(amount: number): void {
    this.#passed[0]! -= amount
  }

  give(nowMs: number, amount: number, takenMs: number): void {
    this.#model.give(nowMs, amount, takenMs)
  }

  /** So much of what was taken at `takenMs` was counted only now: it leaves a window later. */
  move(nowMs: number, amount: number, takenMs: number): void {
    if (amount === 0 || this.#kind === "bucket") return
    this.#model.give(nowMs, amount, takenMs)
    this.#model.take(nowMs, amount)
  }

  /** Neither the user nor the vendor said it. */
  get guessed(): boolean {
    return !this.told && this.#heardLimit === undefined
  }

  /** Only a limit that the user told refuses anybody for good: what was guessed or heard alone may be wrong. */
  largest(): number {
    return this.told ? this.limit * (1 + 1e-9) : Infinity
  }

  weighMs(amount: number): number {
    return (amount * this.windowMs) / this.limit
  }

  /** Our level as a call leaves, in the frame in which later corrections can be told apart. */
  anchor(nowMs: number): number {
    return this.level(nowMs) - this.#corrections
  }

  /**
   * Takes in what an answer says. `anchor` is what `anchor()` answered when the call left; without it (the limit was not known
   * then) `remaining` cannot be compared.
   * `uncharged`: what we reserved for calls in flight and the vendor may charge only as they end.
   * Answers the limit before, when it changed.
   */
  hear(
    nowMs: number,
    reading: LimitReading,
    anchor: number | undefined,
    admittedMs: number,
    uncharged = 0,
  ): number | undefined {
    const before = this.limit
    if (reading.limit !== undefined && reading.limit > 0 && reading.limit !== this.#heardLimit) {
      this.#heardLimit = reading.limit
      // Both limits' levels fell by what we sent since: the first reading under a new limit holds as of when the call left.
      if (anchor !== undefined && reading.remaining !== undefined && this.limit < before) {
        this.#evidenceMs = admittedMs
        this.#correct(nowMs, Math.min(0, reading.remaining - anchor - this.#corrections))
      }
      this.#retune(nowMs)
    }
    this.#others.held(nowMs - admittedMs)
    if (reading.remaining !== undefined && reading.resetMs !== undefined) {
      this.#fullAt = reading.remaining + (reading.resetMs * this.limit) / this.windowMs
      if (this.#fullAt >= this.limit / 2) this.#doubts = 0
    }
    if (reading.resetMs !== undefined && this.#model instanceof FixedWindow && reading.resetMs > 0) {
      this.#model.hearReset(admittedMs + reading.resetMs, nowMs + reading.resetMs)
    }
    if (this.#mayBeWindow && this.#windows.byReset(reading, this.level(nowMs))) {
      const fromMs = Math.max(this.#sinceMs, nowMs - this.windowMs)
      this.#countWindows(fromMs, nowMs - fromMs, this.limit - Math.min(reading.remaining!, this.level(nowMs)))
    }
    if (anchor !== undefined && reading.remaining !== undefined && reading.remaining >= 0) {
      this.#resync(nowMs, reading, anchor, admittedMs, uncharged)
    }
    return this.limit === before ? undefined : before
  }

  /**
   * The vendor refused `amount`. `episode` is present for the first refusal
   * of a burst, which alone cuts the rate: what was admitted since the episode before, and the time that took.
   */
  refuse(nowMs: number, amount: number, refusal: Refusal, episode: Episode | undefined): void {
    const waitMs = refusal.retryAfterMs ?? 0
    // No window of this length is full when we have used less than half of it, nor refills in a moment. What a user told is a prior.
    const isUnexplained = this.level(nowMs) >= this.limit / 2 || this.#fullAt < this.limit / 2
    const isDoubted = episode && this.#kind !== "bucket" && !this.daily && isUnexplained
    if (isDoubted) {
      if (++this.#doubts >= doubtsThatCount) this.#becomeBucket(nowMs, amount, waitMs)
      return
    }
    if (episode && this.#mayBeWindow) {
      // The first of what fills the window left as long ago as makes room when the vendor says, the last just now.
      const agoMs = this.windowMs - Math.min(waitMs, this.windowMs)
      if (this.#windows.byWait(amount + (refusal.uncharged ?? 0), waitMs, episode.admitted)) {
        return this.#countWindows(nowMs - agoMs, Math.min(agoMs, episode.elapsedMs))
      }
      // Tokens are estimated: what was admitted of them is not known so well.
      if (this.dimension === "requests" && !this.guessed && this.#windows.byCount(episode)) {
        return this.#countWindows(nowMs - episode.elapsedMs, episode.elapsedMs)
      }
    }
    // Most of the window is used, as we believe: the vendor's moves on a little later than ours.
    if (this.#kind !== "bucket" && refusal.retryAfterMs === undefined && this.level(nowMs) < this.limit / 2) return
    const compared = nowMs - this.#heardMs <= trustHeadersMs
    const heard = compared || nowMs - this.#learnedMs <= trustHeadersMs
    // Beyond any rounding, which not every vendor admits to.
    const contradicted = refusal.remaining !== undefined && refusal.remaining >= amount + this.limit * 0.02
    if (episode) this.#learn(nowMs, amount, refusal, episode, { heard, contradicted })
    // What passed before the first refusal may all have stood ready.
    if (episode?.first) this.#passed = [0, 0, 0]
    // The vendor's window moves on a little after ours: the gate waits for that, and nothing more was taken.
    if (this.#kind !== "bucket" && refusal.retryAfterMs !== undefined && waitMs < this.windowMs / 20) return
    const level = this.level(nowMs)
    const fair = Math.min(0, amount - this.ratePerMs * waitMs)
    if (level <= fair) return
    this.#evidenceMs = refusal.admittedMs
    this.#correct(nowMs, fair - level)
    // One burst of refusals is one observation, however many calls were in it.
    if (compared && episode && !contradicted) {
      if (this.#highest < this.limit / 2) this.#depth.refusedBeyond(this.#highest, amount, this.ratePerMs)
      this.#noticeOthers(nowMs, fair - level)
    }
  }

  #learn(
    nowMs: number,
    amount: number,
    { remaining, retryAfterMs }: Refusal,
    episode: Episode,
    { heard, contradicted }: { readonly heard: boolean; readonly contradicted: boolean },
  ): void {
    const surprised = remaining === undefined && this.level(nowMs) >= amount
    const measured = this.#measure(nowMs, amount, episode)
    const isFirst = episode.first && !this.#depth.isNarrow && !heard
    // Who used less than half of what was granted has measured himself, not the vendor.
    const isIdle = this.#spilledSince(nowMs) > episode.admitted
    const slice = this.ratePerMs * 1_000
    if (this.#depth.halve(amount, slice, contradicted, episode.admitted)) {
      // Shallower than it was: the rate may be right.
    } else if ((contradicted && !this.#depth.isNarrow) || (surprised && !this.#burstKnown)) {
      this.#refuted = contradicted
      this.#burstKnown = true
      this.#depth.narrowTo(Math.max(amount, slice))
      // A few seconds' worth was admitted: slices behind a right limit. More than that: a deep bucket of a lower limit.
      if (!contradicted && !isIdle && measured !== undefined && episode.admitted > 3_000 * this.ratePerMs) {
        if (isFirst) this.#search(nowMs, episode)
        else this.#share.cut(nowMs, measured)
      }
    } else if (isIdle && !contradicted) {
      // Somebody else was there first, or it was chance: the level says so, and the gate waits.
    } else if (isFirst) {
      this.#search(nowMs, episode)
    } else if (!contradicted && episode.admitted < amount) {
      // A probe that came too soon: how long it takes is known no better than before.
    } else if (heard && !contradicted && this.#burst() < 2 * amount) {
      // Calls one by one: the network had brought two of them closer together.
      this.#share.cut(nowMs, undefined, true)
    } else if (contradicted || !heard) {
      this.#refuted ||= contradicted
      if (contradicted && episode.admitted < fewCalls * amount) this.#share.cut(nowMs, undefined, true)
      else if (this.#share.searching || this.#share.value * 0.98 > this.#least)
        this.#share.cut(nowMs, measured, retryAfterMs !== undefined)
      if (!this.#share.searching) this.#measured.end()
    }
    // Otherwise headers say what remains: the level and the room for others follow from that, and a cut would only waste quota.
    this.#retune(nowMs)
  }

  #spilledSince(nowMs: number): number {
    if (!(this.#model instanceof TokenBucket)) return 0
    const spilled = this.#model.spilled(nowMs)
    const since = spilled - this.#spilledBefore
    this.#spilledBefore = spilled
    return since
  }

  /** The share of the limit that was seen to pass in one of the last windows. */
  get #least(): number {
    return Math.max(...this.#passed) / this.limit
  }

  /** A little less than now. */
  ease(nowMs: number): void {
    this.#share.ease(nowMs)
    this.#model.setLevel(nowMs, Math.min(0, this.level(nowMs)))
    this.#retune(nowMs)
  }

  /** A limit that was guessed from what the vendor admitted until it first refused. */
  guess(nowMs: number, episode: Episode): void {
    this.#burstKnown = true
    this.#model.setLevel(nowMs, 0)
    this.#search(nowMs, episode)
    this.#retune(nowMs)
  }

  /** A learned limit begins with what the vendor says remains. */
  begin(nowMs: number, level: number, heard: boolean): void {
    this.#burstKnown = true
    if (heard) {
      this.#heardLimit = this.#toldLimit
      // Also the answer that refuses explains itself: nothing has to be searched.
      this.#learnedMs = nowMs
    }
    this.#model.setLevel(nowMs, level)
  }

  /** The user's number changed. */
  setTold(nowMs: number, limit: number): void {
    this.#toldLimit = limit
    this.#share.reset()
    this.#retune(nowMs)
  }

  /** The user names a limit that was learned, and perhaps how it is counted. */
  adopt(nowMs: number, { name, limit, kind, burst, resetAtMs }: Told): void {
    this.#name = name
    this.#told = true
    this.setTold(nowMs, limit)
    if (burst === undefined && kind === undefined) return
    const level = this.level(nowMs)
    if (burst !== undefined) this.#depth = new BucketDepth(burst)
    if (kind !== undefined) {
      this.#kind = kind
      this.#kindKnown = true
      this.#resetAtMs = resetAtMs
    }
    this.#model = this.#build(nowMs)
    this.#model.setLevel(nowMs, Math.min(level, limit))
  }

  #resync(nowMs: number, reading: LimitReading, anchor: number, admittedMs: number, uncharged: number): void {
    this.#heardMs = nowMs
    // It left before what the last correction already knows of, so it would correct that a second time.
    if (admittedMs < this.#evidenceMs) return
    const remaining = reading.remaining!
    const levelThen = anchor + this.#corrections
    const levelNow = this.level(nowMs)
    // The vendor counted somewhere between our sending and its answering: only what both ends contradict is evidence.
    const error1 = remaining - levelThen
    const error2 = remaining - levelNow
    this.#depth.saw(remaining)
    // More stands ready than a slice of a second would hold: the depth is as we took it to be.
    if (remaining > this.ratePerMs * 5_000 && !this.#refuted) this.#burstKnown = true
    const tolerance = (reading.roundedTo ?? 0) / 2 + this.ratePerMs * this.#jitterMs + 1
    const lower = Math.max(error1, error2) < -tolerance
    // Where the user asks for less than the vendor grants, what the vendor has left is not ours to take.
    const ours = !this.told || (this.#heardLimit ?? Infinity) <= this.#toldLimit * 1.001
    // A window forgets by itself whatever we took too much for; a bucket stays behind for ever.
    const forgets = this.#kind !== "bucket" || this.#depth.isNarrow
    const more = Math.min(error1, error2) - uncharged
    const higher = ours && !forgets && more > tolerance && !this.#refuted
    if (!lower && !higher) {
      this.#highInARow = 0
      this.#highest = Math.max(this.#highest, remaining)
      return this.#noticeOthers(nowMs, 0)
    }
    if (higher) {
      // Calls of ours that are still on the wire make one reading too high; several in a row, the least of them is true.
      this.#leastHigh = this.#highInARow === 0 ? more : Math.min(this.#leastHigh, more)
      if (++this.#highInARow < highsThatCount && this.#burstKnown) return
    }
    const error = lower ? Math.max(error1, error2) : this.#leastHigh
    this.#highInARow = 0
    if (higher) this.#burstKnown = true
    this.#evidenceMs = admittedMs
    // What we believed to stand ready above anything ever seen was never there: nobody took it.
    const unseen = Math.max(0, remaining - error - Math.max(remaining, this.#highest))
    this.#highest = Math.max(this.#highest, remaining)
    this.#correct(nowMs, error)
    this.#noticeOthers(nowMs, lower ? Math.min(0, error + unseen) : error)
  }

  #correct(nowMs: number, error: number): void {
    this.#corrections += error
    this.#model.setLevel(nowMs, this.level(nowMs) + error)
  }

  #noticeOthers(nowMs: number, error: number): void {
    this.#others.notice(nowMs, error, this.limit / this.windowMs)
    this.#retune(nowMs)
  }

  get #mayBeWindow(): boolean {
    return !this.#kindKnown && this.#kind === "bucket"
  }

  /** From here on in windows; the last was filled between `fromMs` and `overMs` later. */
  #countWindows(fromMs: number, overMs: number, used: number = this.limit): void {
    this.#kind = "sliding"
    this.#burstKnown = true
    this.#model = this.#build(fromMs)
    // A ramp fills it ever faster.
    const steps = 16
    for (let step = 1; step <= steps; step++) {
      this.#model.take(fromMs + overMs * (step / steps) ** 0.25, used / steps)
    }
  }

  /** From here on as a bucket of a second's worth, which later refusals may narrow. */
  #becomeBucket(nowMs: number, amount: number, waitMs: number): void {
    this.#doubts = 0
    this.#kind = "bucket"
    this.#kindKnown = false
    this.#burstKnown = true
    this.#depth = new BucketDepth(undefined)
    const depth = Number.isFinite(this.#fullAt) ? this.#fullAt : this.ratePerMs * 1_000
    this.#depth.narrowTo(Math.max(amount, depth))
    this.#model = this.#build(nowMs)
    this.#model.setLevel(nowMs, Math.min(0, amount - this.ratePerMs * waitMs))
  }

  /** The share of the limit that the vendor was seen to admit. A first episode also spent what stood ready: a window's worth, in a deep bucket. */
  #measure(nowMs: number, amount: number, episode: Episode): number | undefined {
    const readyMs = episode.first && !this.#depth.isNarrow ? this.windowMs : 0
    const perMs = this.#measured.perMs(nowMs, episode, readyMs)
    if (perMs === undefined) return undefined
    const share = (perMs * this.windowMs) / this.limit
    const isSure = this.#share.searching || episode.first || episode.admitted >= fewCalls * amount
    return isSure ? share : Math.max(share, this.#share.value * leastByFew)
  }

  /** Goes on with what the first refusal allows to think, and looks for the next. */
  #search(nowMs: number, episode: Episode): void {
    this.#share.search(nowMs, (this.#measured.begin(nowMs, episode, this.windowMs) * this.windowMs) / this.limit)
  }

  // What the network may bunch up is kept back, also from a depth that was told.
  #burst(): number {
    const depth = this.#depth.of(this.limit)
    return Math.max(Math.min(1, depth), depth - (this.limit / this.windowMs) * this.#jitterMs)
  }

  #retune(nowMs: number): void {
    if (this.#model instanceof TokenBucket) this.#model.retune(nowMs, this.ratePerMs, this.#burst())
    else this.#model.retune(this.limit * Math.min(1, this.#share.value))
  }

  #build(nowMs: number): RateModel {
    const [limit, burst, marginMs] = [this.limit, this.#burst(), this.#jitterMs]
    return rateModel(this.#kind, { limit, burst, marginMs, windowMs: this.windowMs, nowMs, resetAtMs: this.#resetAtMs })
  }
}
