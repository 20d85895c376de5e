import type { Cost, Feedback, LimitReading, SettleOutcome } from "@sluice/core"
import { rampGrowth } from "./learned-share.ts"
import { AdaptiveConcurrency, adaptiveDefaults } from "./adaptive-concurrency.ts"
import { Gate } from "./gate.ts"
import { amountOf, type Budget, type Dimension } from "./limits/budget.ts"
import { ConcurrencyLimit } from "./limits/concurrency-limit.ts"
import { type Episode, RateLimit } from "./limits/rate-limit.ts"
import { Reservoir } from "./limits/reservoir.ts"
import { quotaDefaults, type QuotaLimits, type QuotaOptions, type RateName, rates } from "./quota-options.ts"

/** Why a call cannot start now, and for how long. */
export interface Block {
  readonly by: string
  readonly dimension: Dimension | "gate"
  /** `Infinity`: not before a call in flight settles. */
  readonly ms: number
  /** Time alone does not help, or not before tomorrow: dollars, or a day's total. */
  readonly total?: "budget" | "day"
}

/** A call that ended, as the beliefs look at it. */
export interface SettledCall {
  readonly outcome: SettleOutcome
  readonly cost: Cost
  readonly actual: Cost | undefined
  readonly feedback: Feedback | undefined
  readonly admittedMs: number
  /** In flight when it left, itself included. */
  readonly inFlight: number
  /** `anchors()` of when it left. */
  readonly anchors: readonly number[]
}

export interface Change {
  readonly dimension: string
  readonly from: number
  readonly to: number
  readonly reason: string
}

/** What a settled call changed. */
export interface Verdict {
  readonly changes: Change[]
  /** The gate closed (again) for this reason. */
  closed?: string
  /** Waiting does not help: the queue ends. */
  fatal?: "billing" | "daily"
  exhaustedMs?: number
}

type Measured = Episode & Record<(typeof rateDimensions)[number], number>

const none: Cost = Object.freeze({ requests: 0 })
const rateDimensions = ["requests", "tokens", "inputTokens", "outputTokens"] as const
/**
 * Share of a limit that may start before the first answer has shown how the vendor counts. A bucket that was full loses nothing by
 * it: what was taken keeps it refilling for a fifth of the window.
 */
const firstWave = 0.2
/** Failures in a row that mean an outage rather than bad luck: 1 in 1,000 at a failure rate of 25 %. */
const outageFailures = 5

/**
 * All that a quota believes of its vendor, and the arithmetic of admission on it. Pure: time comes as an argument,
 * nothing waits, nothing is told to anybody. `quota.ts` acts on what this decides.
 */
export class QuotaBeliefs {
  readonly gate: Gate = new Gate()
  readonly concurrency: ConcurrencyLimit
  adaptive: AdaptiveConcurrency | undefined
  readonly budgets: Budget[] = []
  readonly rates: RateLimit[] = []
  readonly #options: QuotaOptions
  readonly #random: () => number
  readonly #jitterMs: number
  #failures = 0
  #failingSinceMs = -Infinity
  /** Admitted and not refused, per dimension, since the last episode of refusals. */
  readonly #admitted = { requests: 0, tokens: 0, inputTokens: 0, outputTokens: 0 }
  #episodeMs: number
  #episodes = 0

  constructor(options: QuotaOptions, nowMs: number, wallMs: number, random: () => number) {
    this.#options = options
    this.#random = random
    this.#jitterMs = options.jitterMs ?? quotaDefaults.jitterMs
    this.#episodeMs = nowMs
    const { concurrency } = options
    const told = (Object.keys(rates) as RateName[]).filter((name) => options[name] !== undefined)
    if (typeof concurrency === "object") this.adaptive = new AdaptiveConcurrency(concurrency)
    else if (concurrency === undefined && told.length === 0) this.adaptive = new AdaptiveConcurrency(adaptiveDefaults)
    this.concurrency = new ConcurrencyLimit(this.adaptive?.limit ?? (concurrency as number | undefined) ?? Infinity)
    this.budgets.push(this.concurrency)
    for (const name of told) this.#tell(name, options[name]!, nowMs, wallMs)
    if (options.budgetUsd !== undefined) this.budgets.push(new Reservoir("budgetUsd", "usd", options.budgetUsd))
    const unknown = this.rates.filter((rate) => !rate.burstKnown && rate.dimension === "requests")
    if (unknown.length > 0) {
      const slowest = Math.min(...unknown.map((rate) => rate.ratePerMs))
      const least = Math.min(...unknown.map((rate) => rate.limit))
      this.gate.beginRamp(nowMs, Math.max(2, Math.min(10, slowest * 1_000)), Math.max(4, least * firstWave))
    } else if (this.rates.some((rate) => !rate.burstKnown)) this.gate.beginRamp(nowMs, 4, 64)
  }

  /** The first thing in the way of `cost`, or nothing. Of several limits, the one that takes longest. */
  block(nowMs: number, cost: Cost): Block | undefined {
    const gateMs = this.gate.msUntil(nowMs)
    let worst: Block | undefined = gateMs > 0 ? { by: "gate", dimension: "gate", ms: gateMs } : undefined
    const { budgets } = this
    const alone = this.concurrency.running === 0
    for (let i = 0; i < budgets.length; i++) {
      const budget = budgets[i]!
      const ms = budget.msUntil(nowMs, amountOf(cost, budget.dimension), alone)
      if (ms > 0 && (worst === undefined || ms > worst.ms)) {
        const total =
          budget instanceof Reservoir ? "budget" : budget instanceof RateLimit && budget.daily ? "day" : undefined
        worst = { by: budget.name, dimension: budget.dimension, ms, ...(total && { total }) }
      }
    }
    return worst
  }

  /** Whether `cost` fits now: `block` without its answer, for the fast path. */
  fits(nowMs: number, cost: Cost): boolean {
    if (this.gate.msUntil(nowMs) > 0) return false
    const { budgets } = this
    const alone = this.concurrency.running === 0
    for (let i = 0; i < budgets.length; i++) {
      const budget = budgets[i]!
      if (budget.msUntil(nowMs, amountOf(cost, budget.dimension), alone) > 0) return false
    }
    return true
  }

  /** Takes `cost` in every dimension. Answers whether this start opened the gate. */
  take(nowMs: number, cost: Cost): boolean {
    const budgets = this.budgets
    for (let i = 0; i < budgets.length; i++) {
      const budget = budgets[i]!
      const amount = amountOf(cost, budget.dimension)
      if (amount !== 0) budget.take(nowMs, amount)
    }
    this.#count(cost, 1)
    return this.gate.started(nowMs)
  }

  anchors(nowMs: number): number[] {
    const anchors: number[] = []
    for (const rate of this.rates) anchors.push(rate.anchor(nowMs))
    return anchors
  }

  /** The limit that `cost` can never fit into. */
  oversize(cost: Cost): { readonly name: string; readonly amount: number; readonly largest: number } | undefined {
    for (const budget of this.budgets) {
      const amount = amountOf(cost, budget.dimension)
      if (amount > budget.largest() * (1 + 1e-9)) return { name: budget.name, amount, largest: budget.largest() }
    }
    return undefined
  }

  /** What `cost` weighs for fair shares: milliseconds of the scarcest limit. */
  weighMs(cost: Cost): number {
    let most = 1
    for (const rate of this.rates) most = Math.max(most, rate.weighMs(amountOf(cost, rate.dimension)))
    return most
  }

  get failsDaily(): boolean {
    return this.#options.onExhausted !== "pause"
  }

  budgetLeft(): number {
    return this.budgets.find((one) => one instanceof Reservoir)?.level() ?? Infinity
  }

  /** The user's numbers changed. */
  retune(limits: QuotaLimits, nowMs: number, wallMs: number): void {
    for (const name of Object.keys(limits) as (keyof QuotaLimits)[]) {
      const value = limits[name]
      if (value === undefined) continue
      if (name === "concurrency") {
        this.adaptive = typeof value === "object" && "min" in value ? new AdaptiveConcurrency(value) : undefined
        this.concurrency.retune(this.adaptive?.limit ?? (value as number))
      } else if (name === "budgetUsd") {
        const budget = this.budgets.find((one) => one instanceof Reservoir)
        if (budget) budget.retune(value as number)
        else this.budgets.push(new Reservoir("budgetUsd", "usd", value as number))
      } else this.#tell(name, value as number, nowMs, wallMs)
    }
  }

  settle(nowMs: number, call: SettledCall): Verdict {
    const verdict: Verdict = { changes: [] }
    const { feedback, outcome } = call
    this.concurrency.give()
    this.#reconcile(nowMs, call)
    if (feedback?.limits) this.#hear(nowMs, call, feedback.limits, verdict)
    if (outcome !== "throttled") this.gate.answered(call.admittedMs)
    if (outcome === "success") {
      // What left before the trouble began says nothing about it.
      if (call.admittedMs >= this.#failingSinceMs) this.#failures = 0
      this.gate.passed(call.admittedMs)
      const reason = this.adaptive?.sample({ inFlight: call.inFlight, ...feedback?.latency })
      if (reason) this.#adapt(reason, verdict)
    }
    const refusal = feedback?.refusal
    if (outcome === "throttled" || refusal) this.#refused(nowMs, call, verdict)
    else if (feedback?.failed) this.#failed(nowMs, call, verdict)
    return verdict
  }

  #tell(name: RateName, value: QuotaLimits[RateName] & {}, nowMs: number, wallMs: number): void {
    const options = typeof value === "number" ? { limit: value } : value
    const { dimension, windowMs } = rates[name]
    const length = options.windowMs ?? windowMs
    const existing = this.rates.find((rate) => rate.name === name)
    if (existing) return existing.setTold(nowMs, options.limit)
    const daily = length >= 86_400_000
    const resetWall = options.resetAt ?? (daily ? nextUtcMidnight(wallMs) : undefined)
    this.#addRate(
      new RateLimit({
        name,
        dimension,
        limit: options.limit,
        windowMs: length,
        told: true,
        nowMs,
        jitterMs: Math.min(this.#jitterMs, length / 100),
        ...(options.kind ? { kind: options.kind } : daily ? { kind: "fixed" as const } : {}),
        ...(options.burst !== undefined && { burst: options.burst }),
        ...(resetWall !== undefined && { resetAtMs: nowMs + resetWall - wallMs }),
      }),
    )
  }

  #addRate(rate: RateLimit): void {
    this.rates.push(rate)
    this.budgets.push(rate)
  }

  #reconcile(nowMs: number, { outcome, cost, actual, admittedMs }: SettledCall): void {
    const charge = this.#options.chargeRefused ?? quotaDefaults.chargeRefused
    const refused = charge === "all" ? cost : charge === "none" ? none : { requests: cost.requests ?? 1 }
    const used = actual ?? (outcome === "throttled" ? refused : cost)
    if (outcome === "throttled") this.#count(cost, -1)
    if (used === cost) return
    for (const budget of this.budgets) {
      if (budget === this.concurrency) continue
      const back = amountOf(cost, budget.dimension) - amountOf(used, budget.dimension)
      if (back !== 0) budget.give(nowMs, back, admittedMs)
    }
  }

  #hear(nowMs: number, call: SettledCall, readings: readonly LimitReading[], verdict: Verdict): void {
    for (const reading of readings) {
      const windowMs = reading.windowMs ?? 60_000
      const index = this.rates.findIndex((one) => sameLimit(reading, one))
      const rate = this.rates[index]
      if (!rate) {
        if (reading.limit !== undefined && reading.limit > 0) this.#learn(nowMs, reading, windowMs, verdict)
        continue
      }
      const from = rate.hear(nowMs, reading, call.anchors[index], call.admittedMs)
      if (from !== undefined) {
        verdict.changes.push({ dimension: rate.name, from, to: rate.limit, reason: "the vendor's headers say so" })
      }
    }
    if (this.rates.length > 0 && this.rates.every((rate) => rate.burstKnown)) this.gate.endRamp()
  }

  #learn(nowMs: number, reading: LimitReading, windowMs: number, verdict: Verdict): void {
    const limit = reading.limit!
    const daily = windowMs >= 86_400_000
    const rate = new RateLimit({
      name: `${reading.dimension} per ${windowMs === 60_000 ? "minute" : daily ? "day" : `${windowMs / 1_000} s`}`,
      dimension: reading.dimension,
      limit,
      windowMs,
      told: false,
      nowMs,
      jitterMs: Math.min(this.#jitterMs, windowMs / 100),
      ...(daily && { kind: "fixed" as const, resetAtMs: nowMs + (reading.resetMs ?? windowMs) }),
    })
    this.#addRate(rate)
    rate.begin(nowMs, Math.max(0, (reading.remaining ?? limit) - this.#inFlightAmount(reading.dimension)))
    verdict.changes.push({ dimension: rate.name, from: Infinity, to: limit, reason: "the vendor's headers say so" })
    // A known rate bounds what runs better than a guessed concurrency does.
    if (this.#options.concurrency === undefined && this.adaptive && !daily) {
      this.adaptive = undefined
      this.concurrency.retune(Infinity)
    }
  }

  /** Calls in flight beyond the one that settles: the vendor may not have counted them. */
  #inFlightAmount(dimension: Dimension): number {
    return dimension === "requests" ? this.concurrency.running : 0
  }

  #refused(nowMs: number, call: SettledCall, verdict: Verdict): void {
    const { cost, feedback, admittedMs, outcome } = call
    const refusal = feedback?.refusal
    const reason = refusal?.reason ?? "rate"
    const retryAfterMs = feedback?.retryAfterMs
    if (reason === "billing") {
      verdict.fatal = "billing"
      return
    }
    if (reason === "daily") {
      const reset = feedback?.limits?.find((one) => (one.windowMs ?? 0) >= 86_400_000)?.resetMs
      const waitMs = retryAfterMs ?? reset ?? 60_000
      verdict.exhaustedMs = waitMs
      if (this.failsDaily) verdict.fatal = "daily"
      else if (this.gate.close(nowMs, nowMs + waitMs, admittedMs)) verdict.closed = "daily"
      return
    }
    const isNew = this.gate.isNewEpisode(admittedMs)
    if (reason === "overloaded" || outcome !== "throttled") {
      if (isNew && this.adaptive) {
        const why = this.adaptive.refused(this.concurrency.running)
        if (why) this.#adapt(why, verdict)
      }
      this.#failed(nowMs, call, verdict)
      return
    }
    const episode = isNew ? this.#beginEpisode(nowMs) : undefined
    if (reason === "ramp") {
      if (episode) this.#govern(nowMs, episode, verdict)
      return this.#close(nowMs, retryAfterMs ?? 1_000, admittedMs, reason, verdict)
    }
    const named = this.rates.filter((rate) => rate.dimension === refusal?.dimension)
    const empty = this.rates.filter((rate) =>
      feedback?.limits?.some(
        (one) =>
          one.dimension === rate.dimension && (one.remaining ?? Infinity) < Math.max(1, amountOf(cost, rate.dimension)),
      ),
    )
    const suspects = named.length > 0 ? named : empty.length > 0 ? empty : this.#scarcest(nowMs)
    for (const rate of suspects) {
      const from = rate.ratePerMs
      const amount = amountOf(cost, rate.dimension)
      const remaining = feedback?.limits?.find((one) => sameLimit(one, rate))?.remaining
      rate.refuse(
        nowMs,
        amount,
        { admittedMs, retryAfterMs, remaining },
        episode && { ...episode, admitted: episode[rate.dimension as "requests"] },
      )
      if (rate.ratePerMs < from * 0.999) {
        verdict.changes.push({
          dimension: rate.name,
          from: from * rate.windowMs,
          to: rate.ratePerMs * rate.windowMs,
          reason: "refused",
        })
      }
    }
    if (isNew && this.adaptive) {
      const accepted = this.concurrency.running
      const ceiling = this.adaptive.ceiling
      const slots = retryAfterMs === undefined && (ceiling === undefined || accepted >= ceiling * 0.8)
      const why = slots ? this.adaptive.refused(accepted) : undefined
      if (why) this.#adapt(why, verdict)
      if (!slots && suspects.length === 0) this.#guess(nowMs, cost, episode!, verdict)
    }
    const fitsMs = Math.max(0, ...suspects.map((rate) => rate.msUntil(nowMs, amountOf(cost, rate.dimension), false)))
    const waitMs = retryAfterMs ?? Math.max(fitsMs, 250 * 2 ** Math.min(7, this.gate.streak))
    this.#close(nowMs, waitMs, admittedMs, reason, verdict)
  }

  /** The limits most likely to have refused when nothing says which: the emptiest. */
  #scarcest(nowMs: number): RateLimit[] {
    const fullness = (rate: RateLimit): number => rate.level(nowMs) / rate.limit
    return this.rates.length === 0 ? [] : [this.rates.reduce((a, b) => (fullness(b) < fullness(a) ? b : a))]
  }

  /** No header, no number: the rate is what was admitted until now, and refined by each later episode. */
  #guess(nowMs: number, cost: Cost, episode: Measured, verdict: Verdict): void {
    for (const dimension of ["requests", "tokens"] as const) {
      const admitted = episode[dimension]
      if (admitted <= 0) continue
      const limit = episode.first
        ? admitted / (1 + episode.elapsedMs / 60_000)
        : (admitted / Math.max(1_000, episode.elapsedMs)) * 60_000
      const rate = new RateLimit({
        name: `${dimension} per minute`,
        dimension,
        limit: Math.max(limit, amountOf(cost, dimension)),
        windowMs: 60_000,
        told: false,
        nowMs,
        jitterMs: this.#jitterMs,
      })
      this.#addRate(rate)
      rate.begin(nowMs, 0)
      verdict.changes.push({ dimension: rate.name, from: Infinity, to: limit, reason: "measured until the refusal" })
    }
    this.adaptive!.release()
  }

  /** The vendor limits growth, whatever the quota: hold the pace it took, and raise it slowly. */
  #govern(nowMs: number, episode: Measured, verdict: Verdict): void {
    const windowMs = 10_000
    const governor = this.rates.find((rate) => rate.name === "growth")
    const from = governor ? governor.ratePerMs * windowMs : Infinity
    if (governor)
      governor.refuse(nowMs, 1, { admittedMs: nowMs }, { ...episode, admitted: episode.requests, first: false })
    else {
      const limit = Math.max(1, (episode.requests * windowMs) / Math.max(windowMs, episode.elapsedMs))
      const options = {
        name: "growth",
        dimension: "requests" as const,
        limit,
        windowMs,
        told: false,
        nowMs,
        jitterMs: 0,
      }
      const rate = new RateLimit({ ...options, burst: Math.max(1, limit / 10), growth: rampGrowth })
      this.#addRate(rate)
      rate.begin(nowMs, 0)
    }
    const to = this.rates.find((rate) => rate.name === "growth")!.ratePerMs * windowMs
    verdict.changes.push({ dimension: "growth", from, to, reason: "traffic rose too fast for the vendor" })
  }

  #beginEpisode(nowMs: number): Measured {
    const episode = { ...this.#admitted, admitted: 0, elapsedMs: nowMs - this.#episodeMs, first: this.#episodes === 0 }
    this.#episodes++
    this.#episodeMs = nowMs
    for (const dimension of rateDimensions) this.#admitted[dimension] = 0
    return episode
  }

  #failed(nowMs: number, call: SettledCall, verdict: Verdict): void {
    if (this.#failures++ === 0) this.#failingSinceMs = nowMs
    const retryAfterMs = call.feedback?.retryAfterMs
    if (retryAfterMs !== undefined) this.#close(nowMs, retryAfterMs, call.admittedMs, "overloaded", verdict)
    else if (this.#failures >= outageFailures) {
      this.#close(nowMs, Math.min(2_000, 250 * 2 ** Math.min(4, this.gate.streak)), call.admittedMs, "outage", verdict)
    }
  }

  #close(nowMs: number, waitMs: number, admittedMs: number, reason: string, verdict: Verdict): void {
    // Several processes behind one quota must not come back in the same millisecond.
    const jitterMs = this.#random() * Math.min(100, waitMs * 0.1)
    const wasClosed = this.gate.closed
    const isNew = this.gate.close(nowMs, nowMs + waitMs + jitterMs, admittedMs)
    if (isNew || !wasClosed) verdict.closed = reason
  }

  #adapt(reason: string, verdict: Verdict): void {
    const from = this.concurrency.limit
    const to = this.adaptive!.limit
    this.concurrency.retune(to)
    verdict.changes.push({ dimension: "concurrency", from, to, reason })
  }

  #count(cost: Cost, sign: 1 | -1): void {
    const input = cost.inputTokens ?? 0
    const output = cost.outputTokens ?? 0
    this.#admitted.requests += sign * (cost.requests ?? 1)
    this.#admitted.inputTokens += sign * input
    this.#admitted.outputTokens += sign * output
    this.#admitted.tokens += sign * (input + output)
  }
}

function sameLimit(reading: LimitReading, rate: RateLimit): boolean {
  return (
    reading.dimension === rate.dimension && (reading.windowMs ?? 60_000) === rate.windowMs && rate.name !== "growth"
  )
}

function nextUtcMidnight(wallMs: number): number {
  return (Math.floor(wallMs / 86_400_000) + 1) * 86_400_000
}
