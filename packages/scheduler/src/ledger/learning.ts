import type { Cost, LimitReading, Settlement } from "@sluice/core"
import { AdaptiveConcurrency, adaptiveDefaults } from "../limits/adaptive-concurrency.ts"
import { amountOf, type Dimension } from "../limits/budget.ts"
import type { RateKind } from "../limits/rate/rate-limit-options.ts"
import type { RateLimit } from "../limits/rate/rate-limit.ts"
import * as tuned from "../limits/tuned.ts"
import type { Change, SentCall, Consequence } from "../quota/ledger.ts"
import { quotaDefaults } from "../quota/options.ts"
import { applyDiagnosis, fullByReset } from "./apply-diagnosis.ts"
import { diagnose } from "./diagnose.ts"
import { learnLimit } from "./learn-limit.ts"
import { NamedDelay } from "./named-delay.ts"
import { observedIn } from "./observed.ts"
import { isOf, refusalFacts, type Throttled } from "./refusal-facts.ts"
import { type LedgerState, sends } from "./state.ts"
import { waitAfter } from "./wait-after.ts"

/** A consequence in the making. */
interface Finding {
  readonly changes: Change[]
  cause?: string
  observed?: string
  warning?: { code: "told-differently"; message: string }
  closed?: { reason: string; untilMs: number }
  fatal?: { why: "billing" | "daily" | "never"; resetMs?: number }
}

const nothing: Consequence = Object.freeze({ changes: [] })
const none: Cost = Object.freeze({ requests: 0 })
/** Each settled call moves the average of estimates' errors by this share. */
const estimateWeight = 0.05

/** What a quota learns as its calls settle: headers, refusals, failures and latency in, changed state out. */
export class QuotaLearning {
  readonly #state: LedgerState
  readonly #random: () => number
  readonly #named = new NamedDelay()
  #failures = 0
  #failingSinceMs = -Infinity
  #outages = 0
  /** Congestion events in a row between which nothing was admitted. */
  #fruitless = 0
  /** The limit of calls at once before refusals for want of capacity began. */
  #limitBefore: number | undefined
  /** The share by which estimates of input are too high. */
  #inputExcess = 0

  constructor(state: LedgerState, random: () => number) {
    this.#state = state
    this.#random = random
  }

  /** Gives back what was not used and charges what was used beyond. What it was used for is of no account. */
  reconcile(nowMs: number, call: SentCall, end: Settlement): void {
    const { concurrency, inFlight } = this.#state
    if (call.place) concurrency.give()
    if (!sends(call.cost)) return this.#refund(nowMs, call, { outcome: "ignored", actual: end.actual })
    inFlight.requests--
    inFlight.output -= call.cost.outputTokens ?? 0
    inFlight.input -= call.cost.inputTokens ?? 0
    this.#refund(nowMs, call, end)
  }

  /** What the end of a call says of the vendor. */
  learn(nowMs: number, call: SentCall, end: Settlement): Consequence {
    const state = this.#state
    // Nothing was asked of the vendor, or nothing is known of its answer.
    if (!sends(call.cost) || end.outcome === "ignored") return nothing
    const { gate, crowding } = state
    if (end.outcome !== "throttled" || end.reason === "overloaded") gate.answered(nowMs, call.admittedMs)
    if (end.outcome === "success") {
      if (call.admittedMs > gate.closedAtMs) this.#fruitless = 0
      // Sent late as others were, it passed since then like what was admitted since.
      const { event } = state
      if (event.isLate && call.admittedMs <= event.sinceMs) event.admitted += call.cost.requests ?? 1
      // What left before the trouble began says nothing about it.
      if (call.admittedMs >= this.#failingSinceMs) this.#failures = this.#outages = 0
      // Of those that left with it some may have been refused.
      const ran = Math.min(call.inFlight, state.concurrency.running + 1)
      const isBack = crowding.served(nowMs, call.admittedMs, ran)
      if (!isBack && !end.limits && !state.adaptive) return nothing
      const found: Finding = { changes: [] }
      if (isBack) this.#back("the server is back", found)
      if (end.limits) this.#hear(nowMs, call, end.limits, end, found)
      const reason = state.adaptive?.sample({
        inFlight: call.inFlight,
        totalMs: nowMs - call.admittedMs,
        ...end.latency,
      })
      if (reason) this.#adapt(reason, found)
      else if (state.adaptive && state.adaptive.limit > state.concurrency.limit)
        this.#adapt("one more was tried", found)
      return found
    }
    const found: Finding = { changes: [] }
    if (end.outcome === "throttled") this.#refused(nowMs, call, end, found)
    else this.#failed(nowMs, call.admittedMs, end.retryAfterMs, found)
    return found
  }

  #refund(nowMs: number, { cost, admittedMs }: SentCall, { outcome, actual }: Settlement): void {
    const state = this.#state
    let used = actual
    if (outcome === "throttled") {
      const requests = cost.requests ?? 1
      if (admittedMs > state.event.sinceMs) state.event.admitted -= requests
      state.sent.requests.give(nowMs, requests, admittedMs)
      state.sent.tokens.give(nowMs, amountOf(cost, "tokens"), admittedMs)
      const charge = state.options.chargeRefused ?? quotaDefaults.chargeRefused
      used ??= charge === "all" ? cost : charge === "none" ? none : { requests }
      for (const limit of state.limits) limit.notAdmitted(amountOf(used, limit.dimension), admittedMs)
    }
    if (used === undefined || used === cost) return
    const estimated = cost.inputTokens ?? 0
    if (outcome === "success" && estimated > 0) {
      const excess = Math.max(0, 1 - (used.inputTokens ?? 0) / estimated)
      this.#inputExcess += (excess - this.#inputExcess) * estimateWeight
    }
    for (const budget of state.budgets) {
      if (budget === state.concurrency) continue
      const back = amountOf(cost, budget.dimension) - amountOf(used, budget.dimension)
      if (back !== 0) budget.give(nowMs, back, admittedMs)
    }
    // Output that nobody knew before it was there was counted as it came.
    if (outcome !== "success" || used.outputTokens === cost.outputTokens) return
    const output: Cost = { requests: 0, outputTokens: used.outputTokens ?? 0 }
    for (const limit of state.limits) limit.move(nowMs, amountOf(output, limit.dimension), admittedMs)
  }

  #hear(nowMs: number, call: SentCall, readings: readonly LimitReading[], end: Settlement, found: Finding): void {
    for (const reading of readings) {
      // A limit below what one call has just got through with is none.
      if (
        end.outcome === "success" &&
        end.actual &&
        amountOf(end.actual, reading.dimension) > (reading.limit ?? Infinity)
      )
        continue
      const index = this.#state.limits.findIndex((one) => isOf(reading, one))
      const limit = this.#state.limits[index]
      if (!limit) {
        if (reading.limit !== undefined && reading.limit > 0)
          found.changes.push(learnLimit(this.#state, nowMs, reading, call, end.outcome === "throttled"))
        continue
      }
      const from = limit.limit
      const anchor = call.anchors[2 * index]
      const uncharged = this.#uncharged(reading.dimension)
      const told = limit.hear(nowMs, reading, anchor, call.admittedMs, uncharged, end.outcome === "throttled")
      if (told) this.#contradicted(limit, told, found)
      if (limit.limit !== from) {
        found.changes.push({
          dimension: limit.name,
          from,
          to: limit.limit,
          reason: "the vendor's headers say so",
        })
      }
    }
  }

  /** What is reserved for calls in flight and not charged by the vendor: output until it is there, and input as far as estimates exceed it. */
  #uncharged(dimension: Dimension): number {
    const { input, output } = this.#state.inFlight
    const ofOutput = dimension === "tokens" || dimension === "outputTokens" ? output : 0
    const ofInput = dimension === "tokens" || dimension === "inputTokens" ? input * this.#inputExcess : 0
    return ofOutput + ofInput
  }

  #refused(nowMs: number, call: SentCall, said: Throttled, found: Finding): void {
    const { gate, event, limits } = this.#state
    const known = limits.length
    if (said.limits) this.#hear(nowMs, call, said.limits, said, found)
    const isNew = gate.isNew(call.admittedMs)
    const fruitless = isNew && event.admitted < 1 ? this.#fruitless + 1 : 0
    const end = said.reason === "rate" ? this.#named.credited(nowMs, call, said, isNew, fruitless, limits) : said
    const facts = refusalFacts(this.#state, nowMs, call, end)
    const diagnosis = diagnose(facts)
    found.cause = diagnosis.cause
    found.observed = observedIn(diagnosis, facts, this.#state)
    if (isNew && diagnosis.cause !== "luck" && diagnosis.cause !== "places") this.#fruitless = fruitless
    if (diagnosis.cause === "account") found.fatal = { why: diagnosis.why }
    else if (diagnosis.cause === "day" && this.#state.options.onExhausted !== "pause")
      found.fatal = { why: "daily", resetMs: diagnosis.waitMs }
    else if (diagnosis.cause === "luck") this.#crowded(nowMs, call.admittedMs, "luck", found)
    else if (diagnosis.cause === "places") {
      const { crowd } = diagnosis
      this.#crowded(nowMs, call.admittedMs, crowd, found)
      if (facts.isWordless) {
        this.#state.adaptive!.doubted(nowMs, crowd === "burst")
        // Where it was for a rate, that is measured from here.
        if (!event.isOfUnknown) this.#state.began(nowMs, false, true)
      }
    } else {
      const reason = `refused: ${found.observed}`
      found.changes.push(
        ...applyDiagnosis(this.#state, diagnosis, { nowMs, call, end, fruitless: this.#fruitless, reason }),
      )
      for (const limit of limits.slice(known)) fullByReset(nowMs, limit, call, end)
      if (diagnosis.cause === "bucket") {
        const { isKindTold, kind } = facts.limits[diagnosis.limit]!
        if (isKindTold) this.#contradicted(limits[diagnosis.limit]!, kind, found)
      }
    }
    if (found.fatal) return
    const { retryAfterMs, reason } = end
    switch (diagnosis.cause) {
      case "day":
        return this.#close(nowMs, diagnosis.waitMs, call.admittedMs, "daily", found)
      case "luck":
      case "places":
        if (reason === "overloaded") return this.#failed(nowMs, call.admittedMs, retryAfterMs, found)
        if (retryAfterMs !== undefined || this.#state.concurrency.running === 0)
          this.#close(nowMs, retryAfterMs ?? this.#backoffMs, call.admittedMs, "places", found)
        return
      case "same-event":
        if (retryAfterMs !== undefined) this.#close(nowMs, retryAfterMs, call.admittedMs, reason, found)
        return
      default: {
        const guessed = diagnosis.cause === "unknown-rate" ? limits.at(-1) : undefined
        const limit = "limit" in diagnosis ? limits[diagnosis.limit] : guessed
        const amount = limit ? amountOf(call.cost, limit.dimension) : 0
        // What is only guessed is in nobody's way as a delay is tried.
        if (limit?.isGuessed && retryAfterMs! < said.retryAfterMs!) limit.rate.seek(nowMs)
        const isPaced = limit?.isFast(nowMs, amount)
        const waitMs = waitAfter({
          fitsMs: limit?.msUntil(nowMs, amount, false) ?? 0,
          freedMs: limit?.msUntilFreed(nowMs, amount) ?? Infinity,
          retryAfterMs,
          // Where calls pass one by one, the next fits as soon.
          backoffMs: isPaced && fruitless === 0 ? 2 * limit!.callMs(nowMs, amount) : this.#backoffMs,
          fruitless,
        })
        this.#close(nowMs, waitMs, call.admittedMs, reason, found, isPaced)
        if (isPaced) limit!.rate.pause(waitMs)
        this.#state.began(nowMs, fruitless > 0, diagnosis.cause === "unknown")
      }
    }
  }

  get #backoffMs(): number {
    return tuned.backoffMs * 2 ** Math.min(tuned.backoffDoublings, this.#fruitless)
  }

  #crowded(nowMs: number, sentMs: number, crowd: "luck" | "crowded" | "burst", found: Finding): void {
    const state = this.#state
    const { running } = state.concurrency
    state.crowding.refused(nowMs, sentMs, crowd, running, running < state.concurrency.limit)
    const isBackground = state.crowding.background >= tuned.luck / 2
    if (crowd === "luck") return isBackground ? this.#back("refused however few run", found) : undefined
    this.#limitBefore ??= state.concurrency.limit
    if (!state.adaptive) {
      const { concurrency } = state.options
      const told = typeof concurrency === "number" ? concurrency : adaptiveDefaults.max
      state.adaptive = new AdaptiveConcurrency({ min: 1, max: told, initial: told })
      return this.#adapt(state.adaptive.refused(running) ?? "refused", found)
    }
    const why = crowd === "crowded" ? state.adaptive.refused(running) : state.adaptive.lower(running)
    if (why) this.#adapt(why, found)
  }

  /** It was not for want of places that calls were refused. */
  #back(reason: string, found: Finding): void {
    const before = this.#limitBefore
    this.#limitBefore = undefined
    const why = before === undefined ? undefined : this.#state.adaptive?.restore(before, reason)
    if (why) this.#adapt(why, found)
  }

  #failed(nowMs: number, sentMs: number, retryAfterMs: number | undefined, found: Finding): void {
    const isMany = this.#state.crowding.failed()
    if (this.#failures++ === 0) this.#failingSinceMs = nowMs
    if (retryAfterMs !== undefined) return this.#close(nowMs, retryAfterMs, sentMs, "overloaded", found)
    if (!isMany || this.#failures < tuned.outageFailures) return
    const waitMs = Math.min(tuned.outageMs, tuned.backoffMs * 2 ** Math.min(4, this.#outages++))
    this.#close(nowMs, waitMs, sentMs, "outage", found)
  }

  #close(nowMs: number, waitMs: number, sentMs: number, reason: string, found: Finding, isPaced = false): void {
    const { gate } = this.#state
    const jitterMs = this.#random() * Math.min(tuned.gateJitterMs, waitMs * tuned.gateJitter)
    if (gate.close(nowMs, nowMs + waitMs + jitterMs, sentMs, isPaced))
      found.closed = { reason, untilMs: gate.closedUntilMs }
  }

  /** What a user tells of the kind is a prior, and no secret when it does not hold. */
  #contradicted(limit: RateLimit, told: RateKind, found: Finding): void {
    if (!limit.isTold) return
    const message = `${limit.name} was told as ${told}, and the vendor counts it as ${limit.kind}; correct its kind, or leave it out.`
    found.warning = { code: "told-differently", message }
  }

  #adapt(reason: string, found: Finding): void {
    const { concurrency, adaptive } = this.#state
    const from = concurrency.limit
    const to = adaptive!.limit
    concurrency.retune(to)
    if (to !== from) found.changes.push({ dimension: "concurrency", from, to, reason })
  }
}
