import type { Cost } from "@sluice/core"
import { AdaptiveConcurrency, adaptiveDefaults } from "../limits/adaptive-concurrency.ts"
import { Episodes } from "./episodes.ts"
import { Gate } from "./gate.ts"
import type { Ask, Block, Oversize, Taken } from "./ledger.ts"
import { amountOf, type Budget } from "../limits/budget.ts"
import { ConcurrencyLimit } from "../limits/concurrency-limit.ts"
import { RateLimit } from "../limits/rate-limit.ts"
import { Reservoir } from "../limits/reservoir.ts"
import { Overloads } from "./overloads.ts"
import { quotaDefaults, type QuotaLimits, type QuotaOptions, type RateName, rates, windowOf } from "./options.ts"

const dayMs = 86_400_000
/**
 * Share of a limit that may start before the first answer has shown how the vendor counts. A bucket that was full loses nothing by
 * it: what was taken keeps it refilling for a fifth of the window.
 */
const firstWave = 0.2
/**
 * All that a quota believes of its vendor, and the arithmetic of admission on it. Pure: time comes as an argument, nothing
 * waits. `quota-learning.ts` changes the beliefs as calls settle, `quota.ts` acts on them.
 */
export class QuotaBeliefs {
  readonly gate: Gate = new Gate()
  readonly concurrency: ConcurrencyLimit
  adaptive: AdaptiveConcurrency | undefined
  readonly budgets: Budget[] = []
  readonly rates: RateLimit[] = []
  /** Calls in flight that send a request: money reserved ahead and places that come back send none. */
  requestsInFlight: number = 0
  /** Estimated output tokens of the calls in flight. */
  outputInFlight: number = 0
  /** Estimated input tokens of the calls in flight. */
  inputInFlight: number = 0
  readonly options: QuotaOptions
  readonly jitterMs: number
  readonly episodes: Episodes
  readonly overloads: Overloads = new Overloads()

  constructor(options: QuotaOptions, nowMs: number, wallMs: number) {
    this.options = options
    this.jitterMs = options.jitterMs ?? quotaDefaults.jitterMs
    this.episodes = new Episodes(nowMs)
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
  block(nowMs: number, { cost, place }: Ask): Block | undefined {
    const alone = this.requestsInFlight === 0
    const gateMs = sends(cost) ? this.gate.msUntil(nowMs, alone) : 0
    let worst: Block | undefined = gateMs > 0 ? { by: "gate", dimension: "gate", ms: gateMs } : undefined
    const { budgets } = this
    for (let i = 0; i < budgets.length; i++) {
      const budget = budgets[i]!
      if (budget === this.concurrency && !place) continue
      const ms = budget.msUntil(nowMs, amountOf(cost, budget.dimension), alone)
      if (ms > 0 && (worst === undefined || ms > worst.ms)) {
        const total = totalOf(budget, ms)
        worst = { by: budget.name, dimension: budget.dimension, ms, ...(total && { total }) }
      }
    }
    return worst
  }

  /** Whether `cost` fits now: `block` without its answer, for the fast path. */
  fits(nowMs: number, { cost, place }: Ask): boolean {
    const alone = this.requestsInFlight === 0
    if (sends(cost) && this.gate.msUntil(nowMs, alone) > 0) return false
    const { budgets } = this
    for (let i = 0; i < budgets.length; i++) {
      const budget = budgets[i]!
      if (budget === this.concurrency && !place) continue
      if (budget.msUntil(nowMs, amountOf(cost, budget.dimension), alone) > 0) return false
    }
    return true
  }

  /** Takes the call's cost in every dimension. */
  take(nowMs: number, { cost, place }: Ask, waiting: number): Taken {
    const { budgets, rates } = this
    if (waiting > 0) for (let i = 0; i < rates.length; i++) rates[i]!.pressed(nowMs)
    for (let i = 0; i < budgets.length; i++) {
      const budget = budgets[i]!
      if (budget === this.concurrency && !place) continue
      const amount = amountOf(cost, budget.dimension)
      if (amount !== 0) budget.take(nowMs, amount)
    }
    // Where places alone are scarce, those who wait leave in the same moment as far as there are any: they run beside this one.
    const together = rates.length === 0 ? Math.min(waiting, this.concurrency.level()) : 0
    const taken: Taken = { inFlight: this.concurrency.running + together, anchors: this.#anchors(nowMs) }
    if (!sends(cost)) return taken
    this.requestsInFlight++
    this.episodes.started(cost)
    this.overloads.started(this.concurrency.running)
    this.outputInFlight += cost.outputTokens ?? 0
    this.inputInFlight += cost.inputTokens ?? 0
    return this.gate.started(nowMs) ? { ...taken, openedAfterMs: nowMs - this.gate.closedAtMs } : taken
  }

  #anchors(nowMs: number): number[] {
    const { rates } = this
    const anchors = new Array<number>(rates.length)
    for (let i = 0; i < rates.length; i++) anchors[i] = rates[i]!.anchor(nowMs)
    return anchors
  }

  /** The limit that `cost` can never fit into. */
  oversize(cost: Cost): Oversize | undefined {
    for (const budget of this.budgets) {
      const amount = amountOf(cost, budget.dimension)
      if (amount > budget.largest()) return { name: budget.name, amount, largest: budget.largest() }
    }
    return undefined
  }

  /** As much of `cost` as every rate can ever admit: input is the part that is estimated, then output. */
  within(cost: Cost): Cost {
    let { inputTokens = 0, outputTokens = 0 } = cost
    for (const rate of this.rates) {
      const { dimension } = rate
      const excess = Math.max(0, amountOf({ requests: 0, inputTokens, outputTokens }, dimension) - rate.largest())
      const ofInput = dimension === "outputTokens" ? 0 : Math.min(inputTokens, excess)
      inputTokens -= ofInput
      outputTokens -= excess - ofInput
    }
    return { ...cost, inputTokens, outputTokens }
  }

  /** What `cost` weighs for fair shares: milliseconds of the scarcest limit. */
  weighMs(cost: Cost): number {
    let most = 1
    for (const rate of this.rates) most = Math.max(most, rate.weighMs(amountOf(cost, rate.dimension)))
    return most
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

  #tell(name: RateName, value: QuotaLimits[RateName] & {}, nowMs: number, wallMs: number): void {
    const options = typeof value === "number" ? { limit: value } : value
    const { dimension } = rates[name]
    const length = windowOf(name, value)
    const named = this.rates.find((rate) => rate.name === name)
    if (named) return named.setTold(nowMs, options.limit)
    // A limit is what it counts and over how long, whoever named it first.
    const learned = this.rates.find(
      (rate) => rate.dimension === dimension && rate.windowMs === length && !rate.isGovernor,
    )
    const resetWall = options.resetAt ?? (length >= dayMs ? nextUtcMidnight(wallMs) : undefined)
    const how = {
      ...(options.kind ? { kind: options.kind } : length >= dayMs ? { kind: "fixed" as const } : {}),
      ...(options.burst !== undefined && { burst: options.burst }),
      ...(resetWall !== undefined && { resetAtMs: nowMs + resetWall - wallMs }),
    }
    if (learned) return learned.adopt(nowMs, { name, limit: options.limit, ...how })
    this.addRate(
      new RateLimit({
        name,
        dimension,
        limit: options.limit,
        windowMs: length,
        told: true,
        nowMs,
        jitterMs: Math.min(this.jitterMs, length / 100),
        ...how,
      }),
    )
  }

  /** A limit that was told, or learned. */
  addRate(rate: RateLimit): void {
    this.rates.push(rate)
    this.budgets.push(rate)
  }
}

function totalOf(budget: Budget, ms: number): Block["total"] {
  if (budget instanceof Reservoir) return "budget"
  if (!(budget instanceof RateLimit)) return undefined
  if (ms === Infinity) return "never"
  return budget.daily ? "day" : undefined
}

function nextUtcMidnight(wallMs: number): number {
  return (Math.floor(wallMs / 86_400_000) + 1) * 86_400_000
}

/** Whether a call of this cost sends a request. */
export function sends(cost: Cost): boolean {
  return (cost.requests ?? 1) > 0
}
