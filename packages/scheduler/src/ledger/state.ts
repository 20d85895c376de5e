import type { Cost } from "@sluice/core"
import { AdaptiveConcurrency, adaptiveDefaults } from "../limits/adaptive-concurrency.ts"
import { amountOf, type Budget } from "../limits/budget.ts"
import { ConcurrencyLimit } from "../limits/concurrency-limit.ts"
import { RateLimit } from "../limits/rate/rate-limit.ts"
import { Reservoir } from "../limits/reservoir.ts"
import { TakenLog } from "../limits/rate/taken-log.ts"
import type { Ask, Block, Oversize, Taken } from "../quota/ledger.ts"
import { quotaDefaults, type QuotaLimits, type QuotaOptions, type RateName, rates, windowOf } from "../quota/options.ts"
import { Crowding } from "./crowding.ts"
import { Gate } from "./gate.ts"
import { KeptRoom } from "./kept-room.ts"

const dayMs = 86_400_000

/** Whether a call of this cost sends a request: money reserved ahead and places that come back send none. */
export function sends(cost: Cost): boolean {
  return (cost.requests ?? 1) > 0
}

/**
 * All that a quota believes of its vendor, and the arithmetic of admission on it. Pure: time comes as an argument, nothing
 * waits, and questions change nothing. `learning.ts` changes the state as calls settle, the queue acts on it.
 */
export class LedgerState {
  readonly gate: Gate = new Gate()
  readonly concurrency: ConcurrencyLimit
  readonly crowding: Crowding = new Crowding()
  readonly budgets: Budget[] = []
  readonly limits: RateLimit[] = []
  readonly options: QuotaOptions
  readonly jitterMs: number
  adaptive: AdaptiveConcurrency | undefined
  /** What calls in flight were estimated to take. */
  readonly inFlight: { requests: number; input: number; output: number } = { requests: 0, input: 0, output: 0 }
  /** Requests admitted since the last congestion event after which any were, how many events came since, whether it named a limit that is not known, and whether calls that left before are refused long after. */
  readonly event: { admitted: number; refused: number; sinceMs: number; isOfUnknown: boolean; isLate: boolean }
  /** What was sent, while no rate of it is known: what one is guessed from. */
  readonly sent: { readonly requests: TakenLog; readonly tokens: TakenLog }
  #dollars: Reservoir | undefined
  #hasRequests = false
  #hasTokens = false
  /** The first priority that came, and what is kept for others since there are any. */
  #priority: number | undefined
  #kept: KeptRoom | undefined

  constructor(options: QuotaOptions, nowMs: number, wallMs: number) {
    this.options = options
    this.jitterMs = options.jitterMs ?? quotaDefaults.jitterMs
    this.event = { admitted: 0, refused: 0, sinceMs: nowMs - 1, isOfUnknown: false, isLate: false }
    const log = { windowMs: 60_000, marginMs: 0, nowMs }
    this.sent = { requests: new TakenLog(log), tokens: new TakenLog(log) }
    const { concurrency } = options
    const told = (Object.keys(rates) as RateName[]).filter((name) => options[name] !== undefined)
    if (typeof concurrency === "object") this.adaptive = new AdaptiveConcurrency(concurrency, true)
    else if (concurrency === undefined && told.length === 0) this.adaptive = new AdaptiveConcurrency(adaptiveDefaults)
    this.concurrency = new ConcurrencyLimit(this.adaptive?.limit ?? (concurrency as number | undefined) ?? Infinity)
    this.budgets.push(this.concurrency)
    for (const name of told) this.#tell(name, options[name]!, nowMs, wallMs)
    if (options.budgetUsd !== undefined) this.#spendAtMost(options.budgetUsd)
  }

  /** The first thing in the way of `cost`, or nothing. Of several limits, the one that takes longest. */
  block(nowMs: number, ask: Ask): Block | undefined {
    const { cost, place, isFew = false } = ask
    const alone = this.inFlight.requests === 0
    const gateMs = sends(cost) ? this.gate.msUntil(nowMs, alone) : 0
    let worst: Block | undefined = gateMs > 0 ? { by: "gate", dimension: "gate", ms: gateMs } : undefined
    for (const budget of this.budgets) {
      const isPlaces = budget === this.concurrency
      if (isPlaces && !place) continue
      const ms =
        isPlaces && this.adaptive
          ? this.adaptive.msUntil(nowMs, this.concurrency.running, !isFew)
          : budget.msUntil(nowMs, amountOf(cost, budget.dimension), alone)
      if (ms <= 0 || (worst !== undefined && ms <= worst.ms)) continue
      const total = totalOf(budget, ms)
      worst = { by: budget.name, dimension: budget.dimension, ms, ...(total && { total }) }
    }
    return worst ?? this.#kept?.block(nowMs, ask)
  }

  /** No sooner than in so many ms all of `together` can have been admitted. */
  leastMs(nowMs: number, together: Cost): number {
    return Math.max(0, ...this.limits.map((limit) => limit.leastMs(nowMs, amountOf(together, limit.dimension))))
  }

  /** Whether `cost` fits now: `block` without its answer, for the fast path, so kind by kind, which compiles to less. */
  fits(nowMs: number, ask: Ask): boolean {
    const { cost, place } = ask
    const alone = this.inFlight.requests === 0
    if (sends(cost) && this.gate.msUntil(nowMs, alone) > 0) return false
    if (place && this.concurrency.msUntil() > 0) return false
    if (this.#dollars && this.#dollars.msUntil(nowMs, amountOf(cost, "usd")) > 0) return false
    const { limits } = this
    for (let i = 0; i < limits.length; i++) {
      const limit = limits[i]!
      if (limit.msUntil(nowMs, amountOf(cost, limit.dimension), alone) > 0) return false
    }
    return this.#kept?.block(nowMs, ask) === undefined
  }

  /** Takes the call's cost in every dimension. */
  take(nowMs: number, ask: Ask, waiting: number): Taken {
    const { limits } = this
    const { cost, place, priority = 0 } = ask
    if (priority !== this.#priority) this.#meet(nowMs, ask, priority)
    this.#kept?.take(nowMs, ask)
    if (waiting > 0) for (let i = 0; i < limits.length; i++) limits[i]!.pressed(nowMs)
    if (place) this.concurrency.take()
    this.#dollars?.take(nowMs, amountOf(cost, "usd"))
    // Two numbers for each limit: what was taken of it in all, and our own backlog.
    const anchors = new Array<number>(2 * limits.length)
    for (let i = 0; i < limits.length; i++) {
      const limit = limits[i]!
      anchors[2 * i + 1] = limit.take(nowMs, amountOf(cost, limit.dimension))
      anchors[2 * i] = limit.taken
    }
    // Where places alone are scarce, those who wait leave in the same moment as far as there are any: they run beside this one.
    const together = limits.length === 0 ? Math.max(0, Math.min(waiting, this.concurrency.level())) : 0
    const opens = sends(cost) && this.#send(nowMs, cost)
    return {
      inFlight: this.concurrency.running + together,
      anchors,
      openedAfterMs: opens ? nowMs - this.gate.closedAtMs : undefined,
    }
  }

  /** A request leaves. Returns whether that opens the gate. */
  #send(nowMs: number, cost: Cost): boolean {
    this.inFlight.requests++
    this.inFlight.output += cost.outputTokens ?? 0
    this.inFlight.input += cost.inputTokens ?? 0
    this.event.admitted += cost.requests ?? 1
    if (!this.#hasRequests) this.sent.requests.take(nowMs, cost.requests ?? 1)
    if (!this.#hasTokens) this.sent.tokens.take(nowMs, amountOf(cost, "tokens"))
    this.crowding.started(nowMs, this.concurrency.running)
    this.adaptive?.started(nowMs, this.concurrency.running)
    return this.gate.started(nowMs)
  }

  /** Another priority than the first: from now on room is kept for those above others. */
  #meet(nowMs: number, ask: Ask, priority: number): void {
    if (!Number.isFinite(priority)) return
    if (this.#priority === undefined) this.#priority = priority
    else this.#kept ??= new KeptRoom(nowMs, this.limits, this.#priority, ask)
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
    for (const limit of this.limits) {
      const { dimension } = limit
      const excess = Math.max(0, amountOf({ requests: 0, inputTokens, outputTokens }, dimension) - limit.largest())
      const ofInput = dimension === "outputTokens" ? 0 : Math.min(inputTokens, excess)
      inputTokens -= ofInput
      outputTokens -= excess - ofInput
    }
    return { ...cost, inputTokens, outputTokens }
  }

  /** What `cost` weighs for fair shares: milliseconds of the scarcest limit. */
  weighMs(cost: Cost): number {
    let most = 1
    for (const limit of this.limits) most = Math.max(most, limit.weighMs(amountOf(cost, limit.dimension)))
    return most
  }

  /** A congestion event; `isFruitless`: since the last nothing was admitted. */
  began(nowMs: number, isFruitless: boolean, isOfUnknown: boolean): void {
    if (isFruitless) this.event.refused++
    else Object.assign(this.event, { admitted: 0, refused: 0, sinceMs: nowMs, isOfUnknown, isLate: false })
  }

  budgetLeft(): number {
    return this.#dollars?.level() ?? Infinity
  }

  /** The user's numbers changed. */
  retune(limits: QuotaLimits, nowMs: number, wallMs: number): void {
    for (const name of Object.keys(limits) as (keyof QuotaLimits)[]) {
      const value = limits[name]
      if (value === undefined) continue
      if (name === "concurrency") {
        this.adaptive = typeof value === "object" && "min" in value ? new AdaptiveConcurrency(value, true) : undefined
        this.concurrency.retune(this.adaptive?.limit ?? (value as number))
      } else if (name === "budgetUsd") this.#spendAtMost(value as number)
      else this.#tell(name, value as number, nowMs, wallMs)
    }
  }

  #tell(name: RateName, value: QuotaLimits[RateName] & {}, nowMs: number, wallMs: number): void {
    const { limit: told, kind, burst, resetAt } = typeof value === "number" ? { limit: value } : value
    const { dimension } = rates[name]
    const windowMs = windowOf(name, value)
    const named = this.limits.find((one) => one.name === name)
    if (named) return named.setTold(nowMs, told)
    // A limit is what it counts and over how long, whoever named it first.
    const known = this.limits.find((one) => one.dimension === dimension && one.windowMs === windowMs && !one.isGrowth)
    const isDay = windowMs === dayMs
    const resetWall = resetAt ?? (isDay ? (Math.floor(wallMs / dayMs) + 1) * dayMs : undefined)
    const how = {
      name,
      told,
      // Nobody knows when a week or a month begins: counted so, no alignment of it is exceeded.
      ...(kind ? { kind } : windowMs >= dayMs ? { kind: isDay ? ("fixed" as const) : ("sliding" as const) } : {}),
      ...(burst !== undefined && { burst }),
      ...(resetWall !== undefined && { resetAtMs: nowMs + resetWall - wallMs }),
    }
    if (known) return known.adopt(nowMs, how)
    this.addLimit(
      new RateLimit({ ...how, dimension, windowMs, nowMs, jitterMs: Math.min(this.jitterMs, windowMs / 100) }),
    )
  }

  #spendAtMost(usd: number): void {
    if (this.#dollars) return this.#dollars.retune(usd)
    this.#dollars = new Reservoir("budgetUsd", "usd", usd)
    this.budgets.push(this.#dollars)
  }

  /** A limit that was told, or learned. */
  addLimit(limit: RateLimit): void {
    this.limits.push(limit)
    this.budgets.push(limit)
    if (limit.daily || limit.isGrowth) return
    if (limit.dimension === "requests") this.#hasRequests = true
    else this.#hasTokens = true
  }
}

function totalOf(budget: Budget, ms: number): Block["total"] {
  if (budget instanceof Reservoir) return "budget"
  if (!(budget instanceof RateLimit)) return undefined
  if (ms === Infinity) return "never"
  return budget.daily ? "day" : undefined
}
