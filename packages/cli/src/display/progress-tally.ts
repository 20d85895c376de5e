import type { Cost, SluiceEvent } from "@sluice/core"
import { PaceClock } from "@sluice/core/internal"
import { BatchTally } from "./batch-tally.ts"
import type { FrameState } from "./frame-state.ts"
import { changesOf, closedFor, pauseOf, type QuotaReading, type RateDimension, waitingIn } from "./quota-reading.ts"
import { RateMeter } from "./rate-meter.ts"
import { timeLeft } from "./time-left.ts"

/** How far back rates look: long enough to be steady, short enough to show a change. */
const rateWindowMs = 15_000
/** At the beginning a rate is made of this much at least: of a first second alone it would be anything. */
const leastRateMs = 5_000
/** What limits by the minute compare with. */
const minuteMs = 60_000
/** The ETA's rate looks further back, so that it does not jump about; still further where so few items would be a matter of luck. */
const etaWindowsMs = [30_000, 300_000] as const
const etaItems = 10
const notesKept = 3
/** `length`, `max_tokens`, `MAX_TOKENS`, `max_output_tokens`. */
const cutReason = /length|max_?(?:output_?)?tokens/i

/**
 * Adds events up to what a frame shows. Holds a few counters, whatever the number of items.
 *
 * Items of `node` (its name, or its path in the flow) are the unit that is counted; without a name, those of the first node that has items.
 */
export class ProgressTally {
  readonly #startMs: number
  #node: string | undefined
  #started = 0
  #succeeded = 0
  #failed = 0
  #retried = 0
  #throttled = 0
  #cut = 0
  #costUsd: number | undefined
  #lastUsage: Cost | undefined
  #trouble: string | undefined
  #pausedBy: string | undefined
  readonly #notes: string[] = []
  /** Failures that nobody has taken yet. */
  #untold: { count: number; readonly last: string[] } = { count: 0, last: [] }
  readonly #settles: readonly RateMeter[]
  readonly #batches = new BatchTally()
  readonly #rates = new Map<RateDimension, DimensionMeters>()
  /** Items that were asked about, and not replayed: what one of them takes tells what the rest will. */
  #asked = 0
  /** On the pace's clock, as the meters of what settles. */
  #settledMs = 0
  readonly #pace = new PaceClock()
  /** Per quota, from events: the fallback where no snapshot is at hand. */
  readonly #flights = new Map<
    string,
    { inFlight: number; waiting: number; blockedBy: string; gate?: FrameState["gate"] }
  >()

  constructor(startMs: number, node?: string) {
    this.#startMs = startMs
    this.#node = node
    this.#settles = etaWindowsMs.map((windowMs) => new RateMeter(windowMs, startMs))
  }

  note(text: string): void {
    keepLast(this.#notes, text)
  }

  /** How many items have failed since it was asked the last time, and the words of the last of them. */
  takeFailures(): { readonly count: number; readonly last: readonly string[] } {
    const taken = this.#untold
    this.#untold = { count: 0, last: [] }
    return taken
  }

  observe(event: SluiceEvent): void {
    switch (event.type) {
      case "item-start":
        if (this.#counts(event.node)) this.#started++
        return
      case "item-end":
        if (this.#counts(event.node)) this.#settle(event)
        return
      case "http-attempt":
        if (event.attempt > 1) this.#retried++
        this.#trouble = event.decision === "ok" ? undefined : troubleOf(event)
        return
      case "usage": {
        // Inside a flow a call's usage is told twice, by the run and by the fetch: it is the same object.
        if (event.cost === this.#lastUsage) return
        this.#lastUsage = event.cost
        const { inputTokens = 0, outputTokens = 0, usd } = event.cost
        this.#take("inputTokens", event.atMs, inputTokens)
        this.#take("outputTokens", event.atMs, outputTokens)
        this.#take("tokens", event.atMs, inputTokens + outputTokens)
        if (usd !== undefined) this.#costUsd = (this.#costUsd ?? 0) + usd
        return
      }
      case "permit-wait":
        Object.assign(this.#flight(event.quota), { waiting: event.waiting, blockedBy: event.blockedBy })
        return
      case "permit-admit": {
        const flight = this.#flight(event.quota)
        flight.inFlight = event.inFlight
        if (event.waitedMs > 0) flight.waiting = Math.max(0, flight.waiting - 1)
        this.#take("requests", event.atMs, event.cost.requests ?? 1)
        return
      }
      case "permit-settle":
        this.#flight(event.quota).inFlight = event.inFlight
        return
      case "throttle":
        this.#throttled++
        return
      case "call-end":
        if (event.finishReasons?.some((reason) => cutReason.test(reason))) this.#cut++
        return
      case "gate-close":
        this.#flight(event.quota).gate = { reason: pauseOf(event.reason), opensInMs: event.untilMs }
        return
      case "gate-open":
        delete this.#flight(event.quota).gate
        return
      case "vendor-batch":
        this.#batches.observe(event)
        return
      case "control":
        this.#pace.hear(event.action, event.atMs)
        this.#pausedBy = event.action === "pause" ? event.by : event.action === "update" ? this.#pausedBy : undefined
        if (event.changes) this.note(`${changesOf(event.changes)} (${event.by})`)
        return
      case "warning":
        this.note(event.message)
        return
      default:
    }
  }

  state(
    nowMs: number,
    frame: { title: string; unit: string; total?: number; quotas?: readonly QuotaReading[]; cut?: number },
  ): FrameState {
    const { title, unit, total, cut = this.#cut } = frame
    const quotas = frame.quotas ?? this.#quotasFromEvents(nowMs)
    const settled = this.#succeeded + this.#failed
    const left = total === undefined ? {} : this.#left(total - settled, this.#pace.of(nowMs), quotas)
    const gate = this.#gateOf(quotas)
    const batches = this.#batches.state()
    return {
      title,
      unit,
      ...(total === undefined ? {} : { total }),
      succeeded: this.#succeeded,
      failed: this.#failed,
      inFlight: this.#started - settled,
      elapsedMs: nowMs - this.#startMs,
      ...left,
      calls: {
        inFlight: quotas.reduce((sum, quota) => sum + quota.inFlight, 0),
        ...(quotas.some(({ isRemote }) => isRemote) && { isRemote: true }),
        retried: this.#retried,
        throttled: this.#throttled,
        ...(cut > 0 && { cut }),
      },
      waiting: waitingIn(quotas),
      ...(gate === undefined ? {} : { gate }),
      ...(this.#pausedBy === undefined ? {} : { pausedBy: this.#pausedBy }),
      ...(this.#trouble === undefined ? {} : { trouble: this.#trouble }),
      ...(batches === undefined ? {} : { batches }),
      rates: this.#rateStates(nowMs, quotas),
      ...(this.#costUsd === undefined ? {} : { costUsd: this.#costUsd }),
      notes: [...this.#notes],
    }
  }

  /** A reading says until when a gate is closed, the event that closed it says why. */
  #gateOf(quotas: readonly QuotaReading[]): FrameState["gate"] {
    const closed = quotas.find(({ gate }) => gate)
    if (!closed?.gate) return undefined
    return { ...closed.gate, reason: this.#flights.get(closed.name)?.gate?.reason ?? closed.gate.reason }
  }

  #counts(node: string): boolean {
    this.#node ??= node
    return node === this.#node || node.endsWith(`/${this.#node}`)
  }

  #settle(event: Extract<SluiceEvent, { type: "item-end" }>): void {
    if (event.status === "cancelled") {
      this.#started--
      return
    }
    // A replayed item cost no time: it would make the ETA a fairy tale.
    if (!event.replayed) {
      this.#asked++
      this.#settledMs = this.#pace.of(event.atMs)
      for (const meter of this.#settles) meter.add(this.#settledMs, 1)
    }
    if (event.status === "ok") {
      this.#succeeded++
      return
    }
    this.#failed++
    const words = event.error instanceof Error ? event.error.message : String(event.error)
    const failure = `${event.node}[${event.key ?? event.index}]: ${words}`
    this.note(failure)
    this.#untold.count++
    keepLast(this.#untold.last, failure)
  }

  #take(dimension: RateDimension, atMs: number, count: number): void {
    const meters = this.#meters(dimension)
    meters.pace.add(atMs, count)
    meters.total += count
  }

  #meters(dimension: RateDimension): DimensionMeters {
    let meters = this.#rates.get(dimension)
    if (!meters) {
      this.#rates.set(dimension, (meters = { pace: new RateMeter(rateWindowMs, this.#startMs), total: 0 }))
    }
    return meters
  }

  #left(items: number, nowMs: number, quotas: readonly QuotaReading[]): Pick<FrameState, "etaMs" | "etaRangeMs"> {
    if (items <= 0 || this.#asked === 0) return {}
    const closedMs = closedFor(quotas)
    // A pause longer than a pace looks back is no part of it.
    const paceEndMs = closedMs > etaWindowsMs[1] ? this.#settledMs : nowMs
    const whole = { perMinute: (this.#asked * minuteMs) / Math.max(1, paceEndMs - this.#startMs), counted: this.#asked }
    const recent = this.#settles
      .map((meter) => ({ perMinute: meter.perMinute(nowMs), counted: meter.counted(nowMs) }))
      .filter(({ counted }) => counted >= etaItems)
    const unsettled = quotas.reduce((sum, quota) => sum + quota.inFlight, 0)
    const limitsMs = [...this.#rates].flatMap(([dimension, { total }]) => {
      const limit = limitOf(dimension, quotas)
      // A request counts when it leaves, tokens when they were used.
      const used = dimension === "requests" ? total - unsettled : total
      if (limit === undefined || used <= 0) return []
      return ((items * used) / this.#asked / limit) * minuteMs
    })
    const paces = [recent[0] ?? whole, ...recent.slice(1), whole] as const
    return timeLeft({ items, paces, limitsMs, asked: this.#asked, stillMs: nowMs - this.#settledMs, closedMs })
  }

  #flight(quota: string): { inFlight: number; waiting: number; blockedBy: string; gate?: FrameState["gate"] } {
    let flight = this.#flights.get(quota)
    if (!flight) this.#flights.set(quota, (flight = { inFlight: 0, waiting: 0, blockedBy: "" }))
    return flight
  }

  #quotasFromEvents(nowMs: number): QuotaReading[] {
    return [...this.#flights].map(([name, { inFlight, waiting, blockedBy, gate }]) => ({
      name,
      inFlight,
      limits: {},
      waiting: waiting > 0 ? [{ reason: blockedBy, calls: waiting }] : [],
      ...(gate ? { gate: { reason: gate.reason, opensInMs: Math.max(0, (gate.opensInMs ?? nowMs) - nowMs) } } : {}),
    }))
  }

  /** Requests, where they are made here, and tokens; input and output tokens apart where a quota counts them apart. */
  #rateStates(nowMs: number, quotas: readonly QuotaReading[]): FrameState["rates"] {
    const apart = limitOf("inputTokens", quotas) !== undefined || limitOf("outputTokens", quotas) !== undefined
    const dimensions: RateDimension[] = apart ? ["requests", "inputTokens", "outputTokens"] : ["requests", "tokens"]
    // What workers have sent is not told; what it has used comes with the answers.
    const known = quotas.some(({ isRemote }) => isRemote) ? dimensions.slice(1) : dimensions
    return known.map((dimension) => {
      const limitPerMinute = limitOf(dimension, quotas)
      const { pace } = this.#meters(dimension)
      const perMinute = pace.perMinute(nowMs, leastRateMs)
      const name = {
        requests: "requests",
        tokens: "tokens",
        inputTokens: "input tokens",
        outputTokens: "output tokens",
      }[dimension]
      return { name, perMinute, ...(limitPerMinute === undefined ? {} : { limitPerMinute }) }
    })
  }
}

function keepLast(notes: string[], text: string): void {
  notes.push(text)
  if (notes.length > notesKept) notes.shift()
}

interface DimensionMeters {
  readonly pace: RateMeter
  /** Since the start. */
  total: number
}

function limitOf(dimension: RateDimension, quotas: readonly QuotaReading[]): number | undefined {
  const known = quotas.flatMap(({ limits }) => limits[dimension] ?? [])
  return known.length === 0 ? undefined : known.reduce((sum, limit) => sum + limit, 0)
}

function troubleOf({ status, error, decision }: Extract<SluiceEvent, { type: "http-attempt" }>): string {
  return `${status ?? "no answer"} (${typeof error === "string" ? error : decision})`
}
