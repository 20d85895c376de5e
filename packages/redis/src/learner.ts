import type { Clock, Cost } from "@sluice/core"
import { type LimitSnapshot, LocalLedger, type QuotaLimits, type QuotaOptions, type SentCall } from "@sluice/scheduler"
import { amountIn, amountsOf, costOf } from "./wire/amounts.ts"
import { isAsKept, spacingOf } from "./kept-limits.ts"
import { idOf, LevelDifferences, type SharedLevels } from "./level-differences.ts"
import type { HeardTurn } from "./outbox.ts"
import type { QuotaKeys } from "./store/quota-keys.ts"
import { tellLua } from "./scripts/tell.lua.ts"
import { script, type Store } from "./store/store.ts"
import { dimensions } from "./wire/told-limits.ts"
import { type KeptLimit, listOf, type TurnAnswer } from "./wire/turn.ts"

const tellScript = script(tellLua)
/** While others have something to report, it is read so often. */
const readEveryMs = 50
/** Nothing was reported for so long: signs of life do. */
const quietMs = 2_000
/** Entries in one answer. */
const mostEntries = 256
/** Until what a learner before this one had found is put to the test again. */
const doubtMs = 600_000
const dayMs = 86_400_000
/** What was started alone is not heard of here. After this little, what ran over until then is not the vendor's rate, as nobody asked for it. */
const barely: Cost = { requests: 1e-6, inputTokens: 1e-6, outputTokens: 1e-6 }

/** What comes with each entry of what all heard. */
interface Head {
  readonly t: number
  /** Who tells it, and each limit's level as the vendor sees it and the corrections in it; al: what was started alone is in it; or who is gone. */
  readonly p?: string
  readonly l?: SharedLevels
  readonly al?: 1
  readonly gone?: string
}

/**
 * The one process that learns: it replays what all processes started and heard, in the server's time, into an ordinary ledger, and
 * tells everybody what that comes to believe. Whoever takes over replays the same.
 */
export class Learner {
  #options: QuotaOptions
  readonly #store: Store
  readonly #keys: QuotaKeys
  readonly #serverNow: (() => number) | undefined
  #member = ""
  #ledger: LocalLedger | undefined
  /** The numbers that it was told. */
  #numbers: QuotaLimits = {}
  #clockMs = 0
  readonly #running = new Map<string, SentCall & { readonly askedMs: number }>()
  /** When the last event was here, and when the others could hear of it: what was asked for before that belongs to it. */
  #event = { atMs: -Infinity, toldMs: -Infinity }
  readonly #differences = new LevelDifferences()
  readonly #told = new Map<string, string>()
  #gateUntilMs = 0
  #isTelling = false
  #memory = ""
  #heldUntilMs: number | undefined
  #quietSinceMs = -Infinity
  nextMs: number = Infinity
  cursor: string | undefined

  constructor(
    options: QuotaOptions,
    { store, keys, serverNow }: { readonly store: Store; readonly keys: QuotaKeys; readonly serverNow?: () => number },
  ) {
    this.#options = ofVendor(options)
    this.#store = store
    this.#keys = keys
    this.#serverNow = serverNow
  }

  /** The user's numbers changed: rates come back with an answer, as all tell them together. */
  retune(told: QuotaLimits): void {
    const { concurrency } = told
    const isNew = typeof concurrency === "number" && concurrency !== this.#options.concurrency
    this.#options = { ...this.#options, ...ofVendor(told) }
    if (isNew) this.#ledger?.retune({ concurrency }, this.#clockMs, this.#clockMs)
  }

  /** An answer that says that it is ours to learn, or no longer. */
  take(answer: TurnAnswer, member: string, kept: readonly KeptLimit[], nowMs: number): void {
    this.#member = member
    if (!answer.learn) return this.#stop()
    if (answer.elected) this.#stop()
    const entries = listOf(answer.E)
    for (const [id, head, events] of entries) {
      this.cursor = id
      const { t, gone, l, p, al } = JSON.parse(head) as Head
      const heard = events === undefined ? [] : (JSON.parse(events) as HeardTurn[])
      const isFirst = this.#ledger === undefined
      const ledger = (this.#ledger ??= this.#begin(t - Math.max(0, ...heard.map(([, , ageMs]) => ageMs)), kept))
      if (gone !== undefined) this.#buryCallsOf(gone, ledger)
      if (al) charge(ledger, (this.#clockMs = Math.max(this.#clockMs, t)), barely)
      this.#replay(ledger, p ?? "", t, heard)
      const levels = listOf(l)
      if (isFirst || al) this.#level(ledger, t, levels)
      if (levels.length === 0) continue
      const nowMs = Math.max(t, this.#clockMs)
      this.#differences.compare(ledger.snapshot(nowMs).limits, t, levels)
    }
    if (this.#ledger) this.#follow(this.#ledger, kept)
    const isBehind = entries.length === mostEntries
    if (entries.length > 0) this.#quietSinceMs = nowMs
    const others = answer.N > 1 && nowMs - this.#quietSinceMs < quietMs
    this.nextMs = isBehind ? nowMs : others ? nowMs + readEveryMs : Infinity
    if (this.#ledger && !isBehind && !this.#isTelling) this.#tell(this.#ledger, answer, kept)
  }

  #stop(): void {
    this.#ledger = undefined
    this.cursor = undefined
    this.nextMs = Infinity
    this.#heldUntilMs = undefined
    for (const each of [this.#running, this.#differences, this.#told]) each.clear()
  }

  #begin(atMs: number, kept: readonly KeptLimit[]): LocalLedger {
    this.#clockMs = atMs
    const clock: Clock = { now: () => this.#clockMs, wallNow: () => this.#clockMs, setTimer: () => () => {} }
    this.#numbers = this.#numbersIn(kept)
    return new LocalLedger({ ...this.#options, ...this.#numbers, clock })
  }

  /** Told differently by now, by users or an operator: what differs is retuned. */
  #follow(ledger: LocalLedger, kept: readonly KeptLimit[]): void {
    const before = this.#numbers
    this.#numbers = this.#numbersIn(kept)
    const isNew = ([name, rate]: [string, unknown]): boolean =>
      JSON.stringify(rate) !== JSON.stringify(before[name as keyof QuotaLimits])
    const changed = Object.entries(this.#numbers).filter(isNew)
    if (changed.length === 0) return
    ledger.retune(Object.fromEntries(changed), this.#clockMs, this.#clockMs)
  }

  /** A new ledger takes everything to be full: what is not in hand is taken from it. */
  #level(ledger: LocalLedger, atMs: number, levels: SharedLevels): void {
    const missing: Record<number, { readonly amount: number; readonly w: number }> = {}
    for (const limit of ledger.snapshot(atMs).limits) {
      const shared = levels.find(([id]) => id === idOf(limit))?.[1]
      if (shared === undefined || limit.windowMs === undefined) continue
      const [d, w, amount] = [dimensions.indexOf(limit.dimension), limit.windowMs, limit.level - shared]
      if (w >= dayMs) this.#differences.startOff(idOf(limit), amount)
      else if (amount > 0.1 && w < (missing[d]?.w ?? Infinity)) missing[d] = { amount, w }
    }
    const of = (d: number): number => missing[d]?.amount ?? 0
    if (of(1) + of(2) + of(3) + of(4) === 0) return
    const tokens = { inputTokens: Math.max(of(3), of(2) - of(4)), outputTokens: of(4) }
    charge(ledger, atMs, { requests: of(1), ...tokens })
  }

  /** What users told, as all of them together: the lowest counts. */
  #numbersIn(kept: readonly KeptLimit[]): QuotaLimits {
    const numbers: Record<string, number | object> = {}
    for (const { nm, td } of kept) {
      const own = this.#options[nm as keyof QuotaLimits]
      if (td === undefined || own === undefined) continue
      numbers[nm] = typeof own === "object" ? { ...own, limit: td } : td
    }
    return numbers
  }

  #replay(ledger: LocalLedger, member: string, atMs: number, events: readonly HeardTurn[]): void {
    for (const event of [...events].sort((a, b) => b[2] - a[2])) {
      const [what, id, ageMs] = event
      // Reports of several processes arrive a little out of order.
      const nowMs = (this.#clockMs = Math.max(this.#clockMs, atMs - ageMs))
      const call = `${member} ${id}`
      if (what === "s") {
        const [, , , amounts, place, waiting, leadMs] = event
        const ask = { cost: costOf(amounts), place: place === 1 }
        const taken = ledger.take(nowMs, ask, waiting)
        this.#running.set(call, { ...ask, ...taken, admittedMs: nowMs, askedMs: atMs - ageMs - leadMs })
        continue
      }
      const sent = this.#running.get(call)
      this.#running.delete(call)
      if (!sent) continue
      const { atMs: eventMs, toldMs } = this.#event
      const admittedMs = sent.askedMs <= toldMs ? Math.min(sent.admittedMs, eventMs) : sent.admittedMs
      const { closed, cause } = ledger.settle(nowMs, { ...sent, admittedMs }, event[3])
      if (cause !== undefined && cause !== "same-event") this.#event = { atMs: nowMs, toldMs: atMs }
      if (closed) this.#gateUntilMs = Math.max(this.#gateUntilMs, closed.untilMs)
    }
  }

  #buryCallsOf(member: string, ledger: LocalLedger): void {
    for (const [call, sent] of this.#running) {
      if (!call.startsWith(`${member} `)) continue
      this.#running.delete(call)
      ledger.settle(this.#clockMs, sent, { outcome: "ignored" })
    }
  }

  #tell(ledger: LocalLedger, answer: TurnAnswer, kept: readonly KeptLimit[]): void {
    const nowMs = answer.now
    this.#holdWhatWasFound(ledger, answer, kept, nowMs)
    // Lets what is learned grow.
    ledger.block(nowMs, { cost: { requests: 1, inputTokens: 1, outputTokens: 1 }, place: false })
    const { limits } = ledger.snapshot(nowMs)
    const corrections: Record<string, number> = {}
    const changed: Record<string, unknown>[] = []
    const shared = new Map(listOf(answer.K).map(([id, sum, version]) => [id, { sum, version }]))
    for (const limit of limits) {
      if (limit.windowMs === undefined) continue
      const id = idOf(limit)
      const there = shared.get(id)
      const delta = there ? this.#known(this.#differences.agreed(id, there.sum, there.version) - there.sum, limit) : 0
      if (Math.abs(delta) > Math.max(0.25, limit.limit * 2e-4)) corrections[id] = delta
      const { name, dimension, windowMs, effective, burst, kind, level } = limit
      const e = spacingOf(limit)
      const facts = {
        lm: limit.limit,
        ef: effective,
        kd: kind,
        ...(kind === "bucket" && { bu: burst }),
        ...(e && { e }),
      }
      const known = kept.find((each) => each.id === id)
      if (known && isAsKept(known, limit) && this.#told.has(id)) continue
      const text = JSON.stringify(facts)
      if (this.#told.get(id) === text && known) continue
      this.#told.set(id, text)
      const j = Math.min(this.#options.jitterMs ?? 50, windowMs / 100)
      changed.push({ id, nm: name, d: dimensions.indexOf(dimension), w: windowMs, j, v: level, ...facts })
    }
    const places = ledger.places().limit
    const isPlaces = places === (answer.c ?? Infinity)
    const gateMs = this.#gateUntilMs - nowMs
    const { g: shutMs = 0 } = answer
    const memory = JSON.stringify(Object.fromEntries(limits.map((limit) => [idOf(limit), limit.effective])))
    const message = {
      p: this.#member,
      ...(Object.keys(corrections).length > 0 && { d: corrections }),
      ...(changed.length > 0 && { P: changed, me: (this.#memory = memory) }),
      ...(!isPlaces && { c: places === Infinity ? 0 : places }),
      ...(gateMs > shutMs + 1 && { gate: gateMs }),
    }
    if (Object.keys(message).length === 1) return
    this.#isTelling = true
    const done = (): void => void (this.#isTelling = false)
    const args = [JSON.stringify(message), String(this.#serverNow?.() ?? 0), this.#keys.bus]
    // What did not arrive is found to be missing after the next turn.
    this.#store.run(tellScript, this.#keys.keys.slice(0, 1), args).then(done, () => {
      done()
      this.#told.clear()
    })
  }

  /**
   * Of a correction, what is known for sure: an answer says what remained as its call arrived, and any call that has no answer yet may arrive
   * after it, also one of another process that left long before.
   */
  #known(delta: number, { dimension }: LimitSnapshot): number {
    if (delta <= 0) return delta
    let onTheirWay = 0
    for (const { cost } of this.#running.values())
      onTheirWay += amountIn(dimensions.indexOf(dimension), amountsOf(cost))
    return Math.max(0, delta - onTheirWay)
  }

  /** What was found by a learner before this one, from answers that are no longer kept, holds for a while. */
  #holdWhatWasFound(ledger: LocalLedger, answer: TurnAnswer, kept: readonly KeptLimit[], nowMs: number): void {
    if (this.#heldUntilMs === undefined) {
      this.#heldUntilMs = Infinity
      if (answer.M === undefined || answer.M === this.#memory) return
      const found = JSON.parse(answer.M) as Record<string, number>
      const lower: Record<string, number> = {}
      for (const limit of ledger.snapshot(nowMs).limits) {
        const before = found[idOf(limit)]
        const isTold = kept.some(({ id, td }) => id === idOf(limit) && td !== undefined)
        if (isTold && before !== undefined && before < (limit.effective ?? 0) * 0.98) lower[limit.name] = before
      }
      if (Object.keys(lower).length === 0) return
      this.#heldUntilMs = nowMs + doubtMs
      ledger.retune(lower, nowMs, nowMs)
    } else if (nowMs >= this.#heldUntilMs) {
      this.#heldUntilMs = Infinity
      ledger.retune(this.#numbers, nowMs, nowMs)
    }
  }
}

function charge(ledger: LocalLedger, atMs: number, cost: Cost): void {
  const ask = { cost, place: false }
  ledger.settle(atMs, { ...ask, ...ledger.take(atMs, ask, 0), admittedMs: atMs }, { outcome: "ignored" })
}

/** What is of the vendor, and no matter of the queue or of one process. */
function ofVendor({
  clock: _clock,
  onEvent: _onEvent,
  name: _name,
  budgetUsd: _usd,
  ...options
}: QuotaOptions): QuotaOptions {
  return options
}
