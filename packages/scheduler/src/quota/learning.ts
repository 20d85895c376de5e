import type { Settlement, Cost, LimitReading } from "@sluice/core"
import { AdaptiveConcurrency, adaptiveDefaults } from "../limits/adaptive-concurrency.ts"
import type { Measured } from "./episodes.ts"
import type { Change, SentCall, Verdict } from "./ledger.ts"
import { growthDefaults, rampGrowth } from "./learned-share.ts"
import { amountOf, type Dimension } from "../limits/budget.ts"
import { RateLimit } from "../limits/rate-limit.ts"
import { type QuotaBeliefs, sends } from "./state.ts"
import { quotaDefaults } from "./options.ts"

/** A verdict in the making. */
interface Finding {
  readonly changes: Change[]
  closed?: { reason: string; untilMs: number }
  fatal?: { why: "billing" | "daily" | "never"; resetMs?: number }
}

type Throttled = Extract<Settlement, { outcome: "throttled" }>

const nothing: Verdict = Object.freeze({ changes: [] })
const none: Cost = Object.freeze({ requests: 0 })
/** Each settled call moves the average of estimates' errors by this share. */
const estimateWeight = 0.05
/** A vendor's delay that did not help is lengthened by no more than this. */
const longestDoubtMs = 60_000
/** Failures in a row that mean an outage rather than bad luck: 1 in 1,000 at a failure rate of 25 %. */
const outageFailures = 5

/** What a quota learns as its calls settle: headers, refusals, failures and latency in, changed beliefs out. Pure, like they. */
export class QuotaLearning {
  readonly #beliefs: QuotaBeliefs
  readonly #random: () => number
  #failures = 0
  /** Bursts of refusals in a row between which nothing was admitted. */
  #fruitless = 0
  /** The limit of calls at once before refusals for want of capacity began. */
  #limitBefore: number | undefined
  /** The share by which estimates of input are too high. */
  #inputExcess = 0
  #failingSinceMs = -Infinity

  constructor(beliefs: QuotaBeliefs, random: () => number) {
    this.#beliefs = beliefs
    this.#random = random
  }

  /** Gives back what was not used and charges what was used beyond. What it was used for is of no account. */
  reconcile(nowMs: number, call: SentCall, end: Settlement): void {
    const beliefs = this.#beliefs
    if (call.place) beliefs.concurrency.give()
    if (sends(call.cost)) {
      beliefs.requestsInFlight--
      beliefs.outputInFlight -= call.cost.outputTokens ?? 0
      beliefs.inputInFlight -= call.cost.inputTokens ?? 0
      this.#giveBack(nowMs, call, end)
    } else this.#giveBack(nowMs, call, { outcome: "ignored", actual: end.actual })
  }

  /** What the end of a call says of the vendor. */
  learn(nowMs: number, call: SentCall, end: Settlement): Verdict {
    const beliefs = this.#beliefs
    // Nothing was asked of the vendor.
    if (!sends(call.cost)) return nothing
    if (end.outcome === "ignored") return nothing
    const isRefused = end.outcome === "throttled" && end.reason !== "overloaded"
    if (!isRefused) beliefs.gate.answered(nowMs, call.admittedMs)
    if (end.outcome === "success") {
      // What left before the trouble began says nothing about it.
      if (call.admittedMs >= this.#failingSinceMs) this.#failures = 0
      beliefs.gate.passed(call.admittedMs)
      if (!end.limits && !end.latency && !beliefs.adaptive) return nothing
    }
    const verdict: Finding = { changes: [] }
    if (end.outcome === "success" && beliefs.overloads.served(call.admittedMs)) this.#back(verdict)
    if (end.outcome !== "failed" && end.limits) this.#hear(nowMs, call, believable(end.limits, end), verdict)
    if (end.outcome === "success") {
      const reason = beliefs.adaptive?.sample({ inFlight: call.inFlight, ...end.latency })
      if (reason) this.#adapt(reason, verdict)
    } else if (end.outcome === "throttled") this.#refused(nowMs, call, end, verdict)
    else this.#failed(nowMs, call.admittedMs, end.retryAfterMs, verdict)
    return verdict
  }

  #giveBack(nowMs: number, { cost, admittedMs }: SentCall, { outcome, actual }: Settlement): void {
    let used = actual
    if (outcome === "throttled") {
      this.#beliefs.episodes.refused(cost, admittedMs)
      for (const rate of this.#beliefs.rates) rate.notPassed(amountOf(cost, rate.dimension))
      const charge = this.#beliefs.options.chargeRefused ?? quotaDefaults.chargeRefused
      used ??= charge === "all" ? cost : charge === "none" ? none : { requests: cost.requests ?? 1 }
    }
    if (used === undefined || used === cost) return
    const estimated = cost.inputTokens ?? 0
    if (outcome === "success" && estimated > 0) {
      const excess = Math.max(0, 1 - (used.inputTokens ?? 0) / estimated)
      this.#inputExcess += (excess - this.#inputExcess) * estimateWeight
    }
    for (const budget of this.#beliefs.budgets) {
      if (budget === this.#beliefs.concurrency) continue
      const back = amountOf(cost, budget.dimension) - amountOf(used, budget.dimension)
      if (back !== 0) budget.give(nowMs, back, admittedMs)
    }
    // Output that nobody knew before it was there was counted as it came.
    if (outcome !== "success" || used.outputTokens === cost.outputTokens) return
    const output: Cost = { requests: 0, outputTokens: used.outputTokens ?? 0 }
    for (const rate of this.#beliefs.rates) rate.move(nowMs, amountOf(output, rate.dimension), admittedMs)
  }

  #hear(nowMs: number, call: SentCall, readings: readonly LimitReading[], verdict: Finding): void {
    for (const reading of readings) {
      const windowMs = reading.windowMs ?? 60_000
      const index = this.#beliefs.rates.findIndex((one) => sameLimit(reading, one))
      const rate = this.#beliefs.rates[index]
      if (!rate) {
        if (reading.limit !== undefined && reading.limit > 0) this.#learn(nowMs, reading, windowMs, verdict)
        continue
      }
      const from = rate.hear(nowMs, reading, call.anchors[index], call.admittedMs, this.#uncharged(reading.dimension))
      if (from !== undefined) {
        verdict.changes.push({ dimension: rate.name, from, to: rate.limit, reason: "the vendor's headers say so" })
      }
    }
    if (this.#beliefs.rates.length > 0 && this.#beliefs.rates.every((rate) => rate.burstKnown))
      this.#beliefs.gate.hasten()
  }

  #learn(nowMs: number, reading: LimitReading, windowMs: number, verdict: Finding): void {
    const limit = reading.limit!
    const daily = windowMs >= 86_400_000
    const rate = new RateLimit({
      name: `${reading.dimension} per ${windowMs === 60_000 ? "minute" : daily ? "day" : `${windowMs / 1_000} s`}`,
      dimension: reading.dimension,
      limit,
      windowMs,
      told: false,
      nowMs,
      jitterMs: Math.min(this.#beliefs.jitterMs, windowMs / 100),
      ...(daily && { kind: "fixed" as const, resetAtMs: nowMs + (reading.resetMs ?? windowMs) }),
    })
    this.#beliefs.addRate(rate)
    rate.begin(nowMs, Math.max(0, (reading.remaining ?? limit) - this.#inFlightAmount(reading.dimension)), true)
    verdict.changes.push({ dimension: rate.name, from: Infinity, to: limit, reason: "the vendor's headers say so" })
    // A known rate bounds what runs better than a guessed concurrency does.
    if (this.#beliefs.options.concurrency === undefined && this.#beliefs.adaptive && !daily) {
      this.#beliefs.gate.beginRamp(nowMs, this.#beliefs.concurrency.running)
      this.#beliefs.adaptive = undefined
      this.#beliefs.concurrency.retune(Infinity)
    }
  }

  /** What is reserved for calls in flight and not charged by the vendor: output until it is there, and input as far as estimates exceed it. */
  #uncharged(dimension: Dimension): number {
    const { outputInFlight, inputInFlight } = this.#beliefs
    const output = dimension === "tokens" || dimension === "outputTokens" ? outputInFlight : 0
    const input = dimension === "tokens" || dimension === "inputTokens" ? inputInFlight * this.#inputExcess : 0
    return output + input
  }

  /** Calls in flight beyond the one that settles: the vendor may not have counted them. */
  #inFlightAmount(dimension: Dimension): number {
    return dimension === "requests" ? this.#beliefs.concurrency.running : 0
  }

  #refused(nowMs: number, { cost, admittedMs }: SentCall, end: Throttled, verdict: Finding): void {
    const { reason, retryAfterMs, limits } = end
    if (reason === "billing") {
      verdict.fatal = { why: "billing" }
      return
    }
    if (limits?.some(({ limit }) => limit === 0)) {
      verdict.fatal = { why: "never" }
      return
    }
    if (reason === "daily") {
      const reset = limits?.find((one) => (one.windowMs ?? 0) >= 86_400_000)?.resetMs
      const waitMs = retryAfterMs ?? reset ?? 60_000
      if (this.#beliefs.options.onExhausted !== "pause") verdict.fatal = { why: "daily", resetMs: waitMs }
      else if (this.#beliefs.gate.close(nowMs, nowMs + waitMs, admittedMs))
        verdict.closed = { reason: "daily", untilMs: this.#beliefs.gate.closedUntilMs }
      return
    }
    const isNew = this.#beliefs.gate.isNewEpisode(admittedMs)
    if (reason === "overloaded" || reason === "places" || this.#wantsPlaces(nowMs, cost, end)) {
      this.#overloaded(nowMs, admittedMs, verdict)
      if (reason === "overloaded") this.#failed(nowMs, admittedMs, retryAfterMs, verdict)
      else if (retryAfterMs !== undefined) this.#close(nowMs, retryAfterMs, admittedMs, "places", verdict)
      return
    }
    const episode = isNew ? this.#beliefs.episodes.begin(nowMs) : undefined
    if (reason === "ramp") {
      if (episode) this.#govern(nowMs, episode, verdict)
      return this.#close(nowMs, retryAfterMs ?? 1_000, admittedMs, reason, verdict)
    }
    const named = this.#beliefs.rates.filter((rate) => rate.dimension === end.dimension)
    const empty = this.#beliefs.rates.filter((rate) =>
      limits?.some(
        (one) =>
          one.dimension === rate.dimension && (one.remaining ?? Infinity) < Math.max(1, amountOf(cost, rate.dimension)),
      ),
    )
    const suspects = named.length > 0 ? named : empty.length > 0 ? empty : this.#scarcest(nowMs)
    for (const rate of suspects) {
      const from = rate.ratePerMs
      const amount = amountOf(cost, rate.dimension)
      const remaining = limits?.find((one) => sameLimit(one, rate))?.remaining
      rate.refuse(
        nowMs,
        amount,
        { admittedMs, retryAfterMs, remaining, uncharged: this.#uncharged(rate.dimension) },
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
    if (isNew && this.#beliefs.rates.every((rate) => rate.guessed)) {
      const { adaptive } = this.#beliefs
      const accepted = this.#beliefs.concurrency.running
      // Where the user says how many may run, and fewer do, it was not too many.
      const ceiling = adaptive ? adaptive.ceiling : Infinity
      const slots = retryAfterMs === undefined && (ceiling === undefined || accepted >= ceiling * 0.8)
      const why = slots ? adaptive?.refused(accepted) : undefined
      if (why) this.#adapt(why, verdict)
      if (!slots && suspects.length === 0) this.#guess(nowMs, cost, episode!, verdict)
    }
    const fitsMs = Math.max(0, ...suspects.map((rate) => rate.msUntil(nowMs, amountOf(cost, rate.dimension), false)))
    if (episode) this.#fruitless = episode.requests < 1 ? this.#fruitless + 1 : 0
    const backoffMs = 250 * 2 ** Math.min(7, this.#fruitless)
    // Who obeyed and was refused again, and again, must not hammer: some vendors charge for refused calls, and name a delay without it.
    const obeyedMs = Math.min(longestDoubtMs, ((retryAfterMs ?? 0) * (this.#fruitless - 1)) / 2)
    const doubtMs = this.#fruitless < 2 ? 0 : Math.max(obeyedMs, backoffMs / 8)
    const waitMs = retryAfterMs === undefined ? Math.max(fitsMs, backoffMs) : retryAfterMs + doubtMs
    this.#close(nowMs, waitMs, admittedMs, reason, verdict)
  }

  /** A refusal that names neither limit nor time, while every limit has room and no depth is left to blame: what is short is places. */
  #wantsPlaces(nowMs: number, cost: Cost, { dimension, retryAfterMs, limits }: Throttled): boolean {
    const { rates } = this.#beliefs
    if (rates.length === 0 || dimension !== undefined || retryAfterMs !== undefined) return false
    const hasRoom = rates.every((rate) =>
      limits?.some(
        (one) => sameLimit(one, rate) && (one.remaining ?? 0) >= amountOf(cost, rate.dimension) + rate.limit * 0.02,
      ),
    )
    return hasRoom && this.#scarcest(nowMs).every((rate) => rate.burst <= 2 * amountOf(cost, rate.dimension))
  }

  /** The server had no room: as many as run now are all it takes, unless that was bad luck. */
  #overloaded(nowMs: number, admittedMs: number, verdict: Finding): void {
    const { adaptive, concurrency, options } = this.#beliefs
    const accepted = concurrency.running
    const kind = this.#beliefs.overloads.refused(nowMs, admittedMs, accepted)
    if (kind === "luck") {
      const why = adaptive?.isProbe(accepted) ? adaptive.refused(accepted) : undefined
      if (why) this.#adapt(why, verdict)
      return
    }
    this.#limitBefore ??= concurrency.limit
    if (adaptive) {
      const why = kind === "crowded" ? adaptive.refused(accepted) : adaptive.lower(accepted)
      if (why) this.#adapt(why, verdict)
      return
    }
    const told = typeof options.concurrency === "number" ? options.concurrency : adaptiveDefaults.max
    this.#beliefs.adaptive = new AdaptiveConcurrency({ min: 1, max: told, initial: told })
    this.#adapt(this.#beliefs.adaptive.refused(accepted) ?? "refused", verdict)
  }

  /** A server that was down is back: nothing was learned of its places. */
  #back(verdict: Finding): void {
    const before = this.#limitBefore
    this.#limitBefore = undefined
    const { adaptive } = this.#beliefs
    const why = before === undefined ? undefined : adaptive?.restore(before)
    if (why) this.#adapt(why, verdict)
  }

  /** The limits most likely to have refused when nothing says which: the emptiest. */
  #scarcest(nowMs: number): RateLimit[] {
    const fullness = (rate: RateLimit): number => rate.level(nowMs) / rate.limit
    return this.#beliefs.rates.length === 0
      ? []
      : [this.#beliefs.rates.reduce((a, b) => (fullness(b) < fullness(a) ? b : a))]
  }

  /** No header, no number: the rate is what was admitted until now, and refined by each later episode. */
  #guess(nowMs: number, cost: Cost, episode: Measured, verdict: Finding): void {
    for (const dimension of ["requests", "tokens"] as const) {
      const admitted = episode[dimension]
      if (admitted <= 0) continue
      const limit = (admitted / Math.max(1_000, episode.elapsedMs)) * 60_000
      const rate = new RateLimit({
        name: `${dimension} per minute`,
        dimension,
        limit: Math.max(limit, amountOf(cost, dimension)),
        windowMs: 60_000,
        told: false,
        nowMs,
        jitterMs: this.#beliefs.jitterMs,
        growth: growthDefaults,
      })
      this.#beliefs.addRate(rate)
      rate.guess(nowMs, { ...episode, admitted })
      verdict.changes.push({
        dimension: rate.name,
        from: Infinity,
        to: rate.ratePerMs * rate.windowMs,
        reason: "measured until the refusal",
      })
    }
    if (!this.#beliefs.adaptive) return
    this.#beliefs.adaptive.release()
    this.#adapt("a rate is the limit, not places", verdict)
  }

  /** The vendor limits growth, whatever the quota: hold the pace it took, and raise it slowly. */
  #govern(nowMs: number, episode: Measured, verdict: Finding): void {
    const windowMs = 10_000
    const known = this.#beliefs.rates.find((rate) => rate.isGovernor)
    const from = known ? known.ratePerMs * windowMs : Infinity
    const governor = known ?? this.#newGovernor(nowMs, episode, windowMs)
    if (known) known.ease(nowMs)
    const to = governor.ratePerMs * windowMs
    verdict.changes.push({ dimension: "growth", from, to, reason: "traffic rose too fast for the vendor" })
  }

  #newGovernor(nowMs: number, episode: Measured, windowMs: number): RateLimit {
    const limit = Math.max(1, (episode.requests * windowMs) / Math.max(windowMs, episode.elapsedMs))
    const governor = new RateLimit({
      name: "growth",
      dimension: "requests",
      limit,
      burst: Math.max(1, limit / 10),
      windowMs,
      told: false,
      nowMs,
      jitterMs: 0,
      growth: rampGrowth,
    })
    this.#beliefs.addRate(governor)
    governor.begin(nowMs, 0, false)
    return governor
  }

  #failed(nowMs: number, admittedMs: number, retryAfterMs: number | undefined, verdict: Finding): void {
    const many = this.#beliefs.overloads.failed()
    if (this.#failures++ === 0) this.#failingSinceMs = nowMs
    if (retryAfterMs !== undefined) this.#close(nowMs, retryAfterMs, admittedMs, "overloaded", verdict)
    else if (many && this.#failures >= outageFailures) {
      this.#close(
        nowMs,
        Math.min(2_000, 250 * 2 ** Math.min(4, this.#beliefs.gate.streak)),
        admittedMs,
        "outage",
        verdict,
      )
    }
  }

  #close(nowMs: number, waitMs: number, admittedMs: number, reason: string, verdict: Finding): void {
    // Several processes behind one quota must not come back in the same millisecond.
    const jitterMs = this.#random() * Math.min(100, waitMs * 0.1)
    const wasClosed = this.#beliefs.gate.closed
    const isNew = this.#beliefs.gate.close(nowMs, nowMs + waitMs + jitterMs, admittedMs)
    if (isNew || !wasClosed) verdict.closed = { reason, untilMs: this.#beliefs.gate.closedUntilMs }
  }

  #adapt(reason: string, verdict: Finding): void {
    const from = this.#beliefs.concurrency.limit
    const to = this.#beliefs.adaptive!.limit
    this.#beliefs.concurrency.retune(to)
    verdict.changes.push({ dimension: "concurrency", from, to, reason })
  }
}

/** A limit below what one call has just got through with is none. */
function believable(readings: readonly LimitReading[], { outcome, actual }: Settlement): readonly LimitReading[] {
  if (outcome !== "success" || !actual) return readings
  return readings.filter(({ limit = Infinity, dimension }) => amountOf(actual, dimension) <= limit)
}

function sameLimit(reading: LimitReading, rate: RateLimit): boolean {
  if (reading.dimension !== rate.dimension || rate.isGovernor) return false
  if (reading.windowMs !== undefined || rate.windowMs === 60_000) return (reading.windowMs ?? 60_000) === rate.windowMs
  // A vendor that names no window means a minute, unless its number is the one that the user told for another window.
  return rate.told && reading.limit === rate.limit
}
