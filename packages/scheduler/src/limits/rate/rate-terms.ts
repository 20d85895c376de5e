import type { Dimension } from "../budget.ts"
import * as tuned from "../tuned.ts"
import { CoTenantShare } from "./co-tenants.ts"
import { Estimate } from "./estimate.ts"
import type { RateKind, RateLimitOptions } from "./rate-limit-options.ts"

/**
 * What a limit is believed to be, as the user told it, the vendor stated it, refusals bounded it and others share it: its rate, its depth
 * and how it is counted. What was taken of it is no part of this.
 */
export abstract class RateTerms {
  readonly dimension: Dimension
  readonly windowMs: number
  /** Keeps to a pace at which the vendor lets traffic grow: no limit that anybody ever names. */
  readonly isGrowth: boolean = false
  readonly rate: Estimate = new Estimate()
  readonly depth: Estimate = new Estimate(tuned.slowHolds)
  protected readonly coTenants: CoTenantShare = new CoTenantShare()
  protected readonly jitterMs: number
  #name: string
  #told: number | undefined
  #stated: number | undefined
  #limit!: number
  /** The same per millisecond, what may leave at once but for refusals, and what fits at all: asked for several times a call. */
  #limitPerMs!: number
  #knownDepth!: number
  #largest!: number
  #kind: RateKind
  /** The user said how the vendor counts. */
  #isKindTold: boolean
  #burst: number | undefined
  #headerDepth: number | undefined

  constructor(options: RateLimitOptions) {
    const { name, dimension, windowMs, kind, burst } = options
    this.#name = name
    this.dimension = dimension
    this.windowMs = windowMs
    this.#told = options.told
    this.#stated = options.stated
    this.jitterMs = options.jitterMs
    this.#kind = kind ?? "bucket"
    this.#isKindTold = kind !== undefined
    this.#burst = burst
    this.#reckon()
  }

  get name(): string {
    return this.#name
  }

  get isTold(): boolean {
    return this.#told !== undefined
  }

  /** Neither the user nor the vendor said it. */
  get isGuessed(): boolean {
    return this.#told === undefined && this.#stated === undefined
  }

  get kind(): RateKind {
    return this.#kind
  }

  get isKindTold(): boolean {
    return this.#isKindTold
  }

  /** The user vouched for the depth. */
  get isDepthTold(): boolean {
    return this.#isKindTold || this.#burst !== undefined
  }

  /** How long the limit takes to bring so much. What a window holds shows once in each. */
  callMs(nowMs: number, amount: number): number {
    const ms = amount / this.fullPerMs(nowMs)
    return this.#kind === "bucket" ? ms : Math.max(ms, this.windowMs / 10)
  }

  /** Per window, as told and stated. */
  get limit(): number {
    return this.#limit
  }

  /** A day's total, counted between resets: when it is gone, waiting is a decision. */
  get daily(): boolean {
    return this.windowMs >= 86_400_000 && this.#kind === "fixed"
  }

  /** What others seem to take, per window. */
  get others(): number {
    return this.coTenants.perMs * this.windowMs
  }

  /** What the vendor is believed to admit, per millisecond. */
  fullPerMs(nowMs: number): number {
    return Math.min(this.#limitPerMs, this.rate.at(nowMs))
  }

  /** The same without what others take. */
  perMs(nowMs: number): number {
    const full = this.fullPerMs(nowMs)
    return this.coTenants.perMs === 0 ? full : this.coTenants.leave(full)
  }

  /** What may leave at once. */
  depthAt(nowMs: number): number {
    return Math.min(this.#knownDepth, this.depth.at(nowMs))
  }

  /** What the network may bunch up is kept back, also from a depth that was told. */
  jitterAt(nowMs: number, amount = 1, perMs: number = this.perMs(nowMs), depth: number = this.depthAt(nowMs)): number {
    return Math.min(this.jitterMs * perMs, Math.max(0, depth - Math.max(1, amount)))
  }

  /** Only a limit that the user told refuses anybody for good: what was guessed or heard alone may be wrong. */
  largest(): number {
    return this.#largest
  }

  weighMs(amount: number): number {
    const { limit } = this
    return limit === Infinity ? 0 : (amount * this.windowMs) / limit
  }

  /** The user's number: all that refusals said of another is past. */
  protected tell(limit: number): void {
    this.#told = limit
    this.#reckon()
    this.rate.reset()
    this.depth.reset()
  }

  protected tellMore({ name, burst }: Pick<RateLimitOptions, "name" | "burst">): void {
    this.#name = name
    if (burst !== undefined) this.#burst = burst
    this.#reckon()
  }

  /** Whether the vendor states another number than before. */
  protected isOther(limit: number | undefined): limit is number {
    return limit !== undefined && limit > 0 && limit !== this.#stated
  }

  protected state(limit: number): void {
    if (this.#stated !== undefined && this.#headerDepth !== undefined) this.#headerDepth *= limit / this.#stated
    this.#stated = limit
    this.#reckon()
  }

  /** The depth that headers imply. */
  protected get headerDepth(): number | undefined {
    return this.#headerDepth
  }

  protected set headerDepth(depth: number | undefined) {
    this.#headerDepth = depth
    this.#reckon()
  }

  #reckon(): void {
    this.#limit = Math.min(this.#told ?? Infinity, this.#stated ?? Infinity)
    this.#limitPerMs = this.#limit / this.windowMs
    this.#largest = this.#told === undefined ? Infinity : this.#limit * (1 + 1e-9)
    const burst = this.#burst ?? Infinity
    this.#knownDepth = this.#kind === "bucket" ? Math.min(burst, this.#limit, this.#headerDepth ?? Infinity) : burst
  }

  protected countAs(kind: RateKind, isTold: boolean): void {
    this.#kind = kind
    this.#isKindTold = isTold
    this.#reckon()
  }

  /**
   * Not where headers speak of more than this limit is deep, nor of all of it though the call that they answer has taken some, nor
   * beyond what the user asks for.
   */
  protected mayRaise(nowMs: number, remaining: number): boolean {
    if (remaining >= (this.#stated ?? Infinity)) return false
    if (this.depth.isBounded || remaining > this.depthAt(nowMs) * (1 + tuned.room)) return false
    return this.#told === undefined || (this.#stated ?? Infinity) <= this.#told * 1.001
  }

  protected get isRamping(): boolean {
    return this.#burst === undefined && !this.#isKindTold && !this.depth.isBounded && !this.isGuessed
  }

  protected headroom(amount: number, seen: number): number {
    const headroom = this.coTenants.headroom(this.limit / this.windowMs)
    return Math.min(headroom, Math.max(0, seen * tuned.othersRoom - amount))
  }
}
