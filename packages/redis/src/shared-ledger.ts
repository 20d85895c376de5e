import type { Cost, Settlement, SluiceError } from "@sluice/core"
import type {
  Ask,
  Block,
  Ledger,
  LedgerSnapshot,
  Oversize,
  QuotaLimits,
  QuotaOptions,
  SentCall,
  Taken,
  Consequence,
} from "@sluice/scheduler"
import { Absence } from "./absence.ts"
import { amountsOf, less, nothing, plus, wantOf } from "./wire/amounts.ts"
import { Conversation, type Party } from "./conversation.ts"
import { KeptLimits } from "./kept-limits.ts"
import type { Learner } from "./learner.ts"
import type { SharedLedgerOptions } from "./ledger-options.ts"
import type { LedgerEvents } from "./ledger-events.ts"
import { Outbox } from "./outbox.ts"
import { tenantName } from "./wire/tenant-name.ts"
import { Standing } from "./standing.ts"
import { staleMs, type Ticket, Tickets } from "./tickets.ts"
import { toldLimits } from "./wire/told-limits.ts"
import { type Amounts, type TurnAnswer, listOf, type TurnTold, type Want } from "./wire/turn.ts"

/** Wants of one turn. */
const mostWants = 64
/** Calls are rejected for so long before it is looked again. */
const unreachableMs = 1_000

/** The ledger of a quota that many processes share: amounts are in Redis; here are the tickets that were taken from there. */
export class SharedLedger implements Ledger, Party {
  readonly outbox: Outbox = new Outbox()
  readonly rest = (): Promise<void> => this.#talk.rest()
  readonly #options: SharedLedgerOptions
  /** With the limits as they are told by now. */
  #quota: QuotaOptions
  readonly #events: LedgerEvents
  readonly #absence: Absence
  readonly #tickets = new Tickets()
  readonly #limits: KeptLimits
  readonly #talk: Conversation
  readonly #learner: Learner | undefined
  #asks: Iterable<Ask> & { readonly size: number } = new Set<Ask>()
  readonly #standing = new Standing()
  #running = 0
  #calls = 0
  #granted: Amounts = nothing
  #fatalAt = -1
  #wake: () => void = () => {}
  #end: (error: SluiceError, untilMs?: number) => void = () => {}

  constructor(quota: QuotaOptions, options: SharedLedgerOptions) {
    const { clock, leaseMs = 3_000, horizonMs = 500, offline, store, keys, member } = options
    this.#options = options
    this.#quota = quota
    this.#events = options.events
    this.#absence = new Absence(offline, this.#events)
    this.#limits = new KeptLimits(this.#introduction())
    this.#learner = options.learner
    this.#talk = new Conversation(this, {
      ...options,
      told: () => this.#introduction(),
      beats: options.beats ?? clock,
      serverNow: options.serverNow,
      leaseMs,
      horizonMs,
      offlineMs: offline.does === "share" ? offline.forMs : 0,
      learns: this.#learner !== undefined,
    })
    store.subscribe(keys.bus, (message) => this.#overheard(message), this.#events.unheard)
    store.subscribe(`${keys.bus}:${member}`, () => this.#talk.askNow(), this.#events.unheard)
  }

  #introduction(): TurnTold {
    return toldLimits(this.#quota, this.#options.label, this.#options.clock)
  }

  block(nowMs: number, ask: Ask): Block | undefined {
    const { alone } = this.#absence
    if (alone) return alone.block(nowMs, ask, this.#running)
    const oversize = this.oversize(ask.cost)
    if (oversize) return { by: oversize.name, dimension: "requests", ms: Infinity, total: "never" }
    if (this.#tickets.isDue(nowMs, ask)) return undefined
    const dueMs = this.#tickets.dueMs(ask)
    const hopeless = this.#standing.hopeless(ask.cost)
    if (hopeless) return hopeless
    const asksInMs = this.#standing.asksInMs(nowMs, this.#talk.mayAskMs, this.#running)
    const ms = dueMs < Infinity ? dueMs - nowMs : Math.max(asksInMs, this.#limits.msUntil(nowMs, ask))
    return {
      by: this.#standing.blockedBy,
      // A call of another tenant may have a ticket that is due.
      dimension: this.#tickets.hasDue(nowMs) ? "ticket" : "requests",
      ms: ms >= 1 || dueMs < Infinity ? Math.max(0.01, ms) : Infinity,
    }
  }

  fits(nowMs: number, ask: Ask): boolean {
    const { alone } = this.#absence
    return alone ? alone.block(nowMs, ask, this.#running) === undefined : this.#tickets.isDue(nowMs, ask)
  }

  take(nowMs: number, ask: Ask, waiting: number): Taken {
    const id = ++this.#calls
    const amounts = amountsOf(ask.cost)
    let askedMs = nowMs
    if (ask.place) this.#running++
    if (this.#absence.alone) this.#absence.alone.take(nowMs, ask)
    else {
      const ticket = this.#tickets.take(nowMs, ask)
      if (!ticket) throw new Error("A call was taken that no ticket is for.")
      ;({ askedMs } = ticket)
      this.outbox.giveBack(nowMs, less(ticket.amounts, amounts), ticket.amounts[3] - amounts[3])
      if (this.#learner) this.outbox.hear(["s", id, nowMs, amounts, ask.place ? 1 : 0, waiting, nowMs - askedMs])
    }
    const openedAfterMs = this.#standing.opened(nowMs)
    return {
      inFlight: this.places().running,
      // What the shared levels were is the learner's to know; this names the call to it, and says since when it may be refused for what came before.
      anchors: [id, askedMs],
      ...(openedAfterMs !== undefined && { openedAfterMs }),
    }
  }

  settle(nowMs: number, call: SentCall, end: Settlement): Consequence {
    if (call.place) {
      this.#running--
      if (this.#standing.hasPlaces) this.outbox.isUrgent = true
    }
    const fatal = this.outbox.settled(nowMs, call, end, this.#quota, this.#learner !== undefined)
    if (end.outcome === "throttled") this.#absence.alone?.refused(nowMs, end.retryAfterMs)
    if (end.outcome === "success" || end.outcome === "throttled")
      for (const stated of this.#limits.lower(end.limits ?? [])) this.outbox.stated(...stated)
    this.#talk.kick()
    return { changes: [], ...(fatal && { fatal }) }
  }

  oversize(cost: Cost): Oversize | undefined {
    return this.#limits.oversize(cost)
  }

  within(cost: Cost): Cost {
    return this.#limits.within(cost)
  }

  weighMs(cost: Cost): number {
    return this.#limits.weighMs(cost)
  }

  budgetLeft(): number {
    const index = this.#limits.all.findIndex(({ kd }) => kd === "total")
    return index < 0 ? Infinity : this.#limits.level(index, 0)
  }

  places(): { readonly limit: number; readonly running: number } {
    return this.#standing.places(this.#running)
  }

  sharers(tenant: string): number {
    return this.#standing.sharers[tenantName(tenant)] ?? 1
  }

  retune(_limits: QuotaLimits, _nowMs: number, _wallMs: number, told: QuotaLimits): void {
    this.#quota = { ...this.#quota, ...told }
    this.#learner?.retune(told)
    this.outbox.reopen()
    this.#talk.introduceAgain()
  }

  snapshot(nowMs: number): LedgerSnapshot {
    return {
      inFlight: this.places().running,
      gate: this.#standing.gate(nowMs),
      limits: [...this.#standing.limits(this.#running), ...this.#limits.snapshot(nowMs)],
    }
  }

  want(asks: Iterable<Ask> & { readonly size: number }): void {
    this.#asks = asks
    if (asks.size > 0 || this.#tickets.size > 0) this.#talk.kick()
  }

  attach(wake: () => void, end: (error: SluiceError, untilMs?: number) => void): void {
    this.#wake = wake
    this.#end = end
  }

  async close(): Promise<void> {
    this.#giveBack(this.#tickets.remove(() => true))
    await this.#talk.close()
    const { store, keys, member } = this.#options
    store.unsubscribe(keys.bus)
    store.unsubscribe(`${keys.bus}:${member}`)
  }

  get isActive(): boolean {
    return this.#running > 0 || this.#tickets.size > 0 || this.#asks.size > 0
  }

  get asks(): boolean {
    return this.#asks.size > 0 && !this.#absence.isLost && this.#tickets.match(this.#asks, 1).uncovered.length > 0
  }

  get learnAtMs(): number {
    return this.#learner?.nextMs ?? Infinity
  }

  get cursor(): string | undefined {
    return this.#learner?.cursor
  }

  state(nowMs: number, mayAsk: boolean): ReturnType<Party["state"]> {
    const { uncovered, spare } = this.#tickets.match(this.#asks, mostWants)
    // What nobody waits for any more goes back, and what was not taken in time.
    const surplus = new Set(spare)
    this.#giveBack(this.#tickets.remove((ticket) => surplus.has(ticket) || ticket.startMs < nowMs - staleMs))
    const tenants: Record<string, number> = {}
    for (const { key = "" } of uncovered) tenants[tenantName(key)] = this.#quota.weights?.[key] ?? 1
    return {
      g: this.#granted,
      h: this.#running + this.#tickets.places,
      o: this.#tickets.size,
      ...(this.#tickets.size > 0 && { O: this.#tickets.amounts }),
      w: this.#asks.size,
      ...(uncovered.length > 0 && { T: tenants }),
      wants: mayAsk && !this.#absence.isLost ? uncovered.map(wantOf) : [],
    }
  }

  #giveBack(tickets: readonly Ticket[]): void {
    for (const { startMs, amounts } of tickets) this.outbox.giveBack(startMs, amounts, amounts[3])
    if (tickets.length > 0) this.outbox.isUrgent = true
  }

  hear(answer: TurnAnswer, wants: readonly Want[], nowMs: number): void {
    const { epoch, born } = this.#standing
    const isReborn = born !== undefined && answer.born !== born
    const wasLost = this.#absence.isLost
    const alone = this.#absence.isTold ? this.#absence.back(nowMs) : undefined
    if (alone && !isReborn) this.outbox.startedAlone(alone.started)
    // A new life knows nothing of what was dated in an older one, and begins with nothing to spend: what was started before it is paid for.
    if (isReborn) this.#events.empty(this.#tickets.remove(() => true).length)
    // The gate closed, or limits fell: what is dated goes back.
    if (epoch !== 0 && answer.ep !== epoch) this.#giveBack(this.#tickets.remove(() => true))
    const closedUntilMs = this.#standing.hear(answer, this.#running + this.#tickets.places, nowMs)
    if (closedUntilMs !== undefined) this.#events.gateClosed(closedUntilMs, "refused")
    if (answer.P) for (const change of this.#limits.update(listOf(answer.P))) this.#events.changed(change)
    if (answer.df !== undefined) this.#events.toldDifferently(answer.df)
    this.#limits.heard(listOf(answer.l), nowMs)
    if (wasLost) {
      // Granted to a process that was not there: it is declined, as it is not counted.
      this.#talk.askNow()
    } else this.#hearStarts(answer, wants, nowMs)
    if (answer.F && answer.F[3] !== this.#fatalAt) {
      const [why, resetMs, said, at] = answer.F
      this.#fatalAt = at
      this.#end(this.#events.ended(why, resetMs, said), resetMs >= 0 ? nowMs + resetMs : Infinity)
    }
    this.#learner?.take(answer, this.#options.member, this.#limits.all, nowMs)
    this.#wake()
  }

  #hearStarts({ s, by, r = 0 }: TurnAnswer, wants: readonly Want[], nowMs: number): void {
    const starts = listOf(s)
    this.#granted = plus(this.#granted, this.#tickets.grant(starts, wants, nowMs, this.#talk.answeredMs))
    const next = wants[starts.length]
    if (!by?.startsWith("!") || !next) return
    const name = by.slice(1)
    this.#standing.hearHopeless(next, name, this.#limits.named(name)?.kd === "total", r)
  }

  lost(nowMs: number, isRefused: boolean): void {
    // The places and amounts of tickets are given to others after a lease.
    if (!isRefused) this.#tickets.remove(() => true)
    if (isRefused) this.#absence.refused(nowMs)
    else if (this.#absence.lost(nowMs, this.#talk.answeredMs, this.#standing.left(nowMs, this.#limits.all)))
      this.#wake()
    if (this.#absence.fails) this.#end(this.#events.unreachable(), nowMs + unreachableMs)
  }

  #overheard(message: string): void {
    const [what, ...rest] = message.split(" ")
    if (what === "gate") {
      if (Number(rest[0]) === this.#standing.epoch) return
      this.#standing.epoch = Number(rest[0])
      this.#giveBack(this.#tickets.remove(() => true))
    } else if (what === "later") {
      this.#tickets.delay(this.#options.clock.now(), Number(rest[0]), Number(rest[1]))
      return this.#wake()
    }
    if (this.isActive) this.#talk.askNow()
  }
}
