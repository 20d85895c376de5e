import type { ConversationOptions } from "./ledger-options.ts"
import type { Outbox } from "./outbox.ts"
import { longSilenceMs, Silence } from "./wire/silence.ts"
import { ServerTime } from "./wire/server-time.ts"
import { mendLua } from "./scripts/mend.lua.ts"
import { turnLua } from "./scripts/turn.lua.ts"
import { script } from "./store/store.ts"
import { listOf, type TurnAnswer, type Turn, type Want } from "./wire/turn.ts"

const turnScript = script(turnLua)
const mendScript = script(mendLua)

/** Ends that only correct amounts wait so long for others. */
const lingerMs = 25
/** So many of them do not wait. */
const manyEnds = 200
/** Between two looks for a connection. */
const lookMs = 50
const roundingMs = 0.01

/** Whose conversation it is. */
export interface Party {
  readonly outbox: Outbox
  /** Something runs, waits or is dated. */
  readonly isActive: boolean
  /** Calls wait that no ticket is for. */
  readonly asks: boolean
  /** What is said of the present: places, dated tickets, who waits; and what is wanted. */
  state(
    nowMs: number,
    mayAsk: boolean,
  ): Pick<Turn, "g" | "h" | "o" | "O" | "w" | "T"> & { readonly wants: readonly Want[] }
  /** The answer to a turn with these wants. */
  hear(answer: TurnAnswer, wants: readonly Want[], nowMs: number): void
  /** Nobody has answered for longer than a lease; or Redis says no, which does not pass by itself. */
  lost(nowMs: number, isRefused: boolean): void
  /** When to take part in learning although nothing else is to be said. */
  readonly learnAtMs: number
  readonly cursor: string | undefined
}

/** The turns of one process, one after the other: what has happened and what is wanted goes out, and one answer comes back. */
export class Conversation {
  readonly #options: ConversationOptions
  readonly #party: Party
  /** Of the turn that is under way. */
  #wants: readonly Want[] = []
  /** What the other side is known to be: its life, by name. */
  #born: string | undefined
  #version = -1
  /** The limits were told, and not changed since. */
  #introduced = false
  #busySinceMs: number | undefined
  readonly #silence: Silence
  #lastSentMs = -Infinity
  #restingSinceMs: number | undefined
  #mayAskMs = -Infinity
  #isMember = false
  /** What the last turn came to was an error. */
  #isFailing = false
  #isScheduled = false
  #isClosed = false
  #cancelTimer: (() => void) | undefined
  #timerMs = Infinity
  #cancelBeat: (() => void) | undefined
  #lingerSinceMs: number | undefined
  #leaving: Promise<void> | undefined
  /** No turn begins but the one that says so. */
  #saysGoodbye = false
  #underway: Promise<void> = Promise.resolve()
  readonly #serverTime = new ServerTime()

  constructor(party: Party, options: ConversationOptions) {
    this.#party = party
    this.#options = options
    this.#silence = new Silence(options.clock.now(), options.leaseMs)
    options.store.onReady(() => this.kick())
  }

  /** The last answer was to a turn that left then. */
  get answeredMs(): number {
    return this.#silence.answeredMs
  }

  /** Who waits may ask again then; in the past: now. */
  get mayAskMs(): number {
    return this.#mayAskMs
  }

  /** Something is to be said, now or soon. */
  kick(): void {
    if (this.#isScheduled || this.#isClosed) return
    this.#isScheduled = true
    // Whatever happens in this moment goes into one turn.
    queueMicrotask(() => {
      this.#isScheduled = false
      this.#next()
    })
  }

  /** Whoever was told to ask later may ask now. */
  askNow(): void {
    this.#mayAskMs = -Infinity
    this.kick()
  }

  /** The limits are told again. */
  introduceAgain(): void {
    this.#introduced = false
    this.askNow()
  }

  /** Says goodbye, if there is anybody to say it to. */
  close(): Promise<void> {
    return (this.#leaving ??= this.#leave())
  }

  async #leave(): Promise<void> {
    await this.#sayGoodbye()
    this.#isClosed = true
    for (const cancel of [this.#cancelTimer, this.#cancelBeat]) cancel?.()
  }

  /** Nothing goes on in this process, which may end now. It is said once: an answer that does not come holds nobody up. */
  async rest(): Promise<void> {
    if (!this.#isMember || this.#isClosed) return
    await this.#sayGoodbye()
    this.#isMember = false
    this.#saysGoodbye = this.#leaving !== undefined
    this.kick()
  }

  async #sayGoodbye(): Promise<void> {
    const { store, clock, leaseMs } = this.#options
    // A turn that is under way ends first; after a lease the others know by themselves.
    const forALease = (turn: Promise<void>): Promise<void> =>
      new Promise((resolve) => {
        const cancel = clock.setTimer(leaseMs, resolve)
        void turn.then(resolve).finally(cancel)
      })
    const goodbye = {}
    this.#saysGoodbye = true
    store.keep(goodbye, true)
    await forALease(this.#underway)
    if (this.#isMember && store.isReady && this.#busySinceMs === undefined) await forALease(this.#send(true))
    store.keep(goodbye, false)
  }

  #next(): void {
    if (this.#isClosed) return
    const { clock, store, leaseMs, events } = this.#options
    const nowMs = clock.now() + roundingMs // A timer may fire early by so much.
    const { outbox, isActive } = this.#party
    store.keep(this, isActive && !this.#leaving)
    const isSilent = this.#isFailing || this.#busySinceMs !== undefined || !store.isReady
    if (isActive && isSilent && events.isRefused) this.#party.lost(nowMs, true)
    const silentMs = this.#silence.look(nowMs)
    if (isActive && isSilent && silentMs > leaseMs) this.#party.lost(nowMs, false)
    if (isSilent && silentMs > longSilenceMs) store.reconnect()
    if (this.#busySinceMs !== undefined) return this.#beat()
    if (this.#saysGoodbye) return
    if (!store.isReady) {
      if (isActive || !outbox.isEmpty) this.#wakeAt(nowMs + lookMs)
      return
    }
    const hasEnds = this.#hasEnds(nowMs)
    const { asks } = this.#party
    const beats = this.#isMember && isActive && nowMs - this.#lastSentMs >= leaseMs / 3 - 1
    // Whoever has left learns no more: to take part in that would be to come back.
    const learnAtMs = this.#isMember ? this.#party.learnAtMs : Infinity
    if ((asks && nowMs >= this.#mayAskMs) || hasEnds || nowMs >= learnAtMs || beats || !this.#introduced)
      return void (this.#underway = this.#send(false))
    if (!isActive && outbox.isEmpty) return this.#rest(nowMs)
    this.#restingSinceMs = undefined
    this.#wakeAt(Math.min((this.#lingerSinceMs ?? Infinity) + lingerMs, asks ? this.#mayAskMs : Infinity, learnAtMs))
    this.#beat()
  }

  /** Whether what has ended is to be told now. */
  #hasEnds(nowMs: number): boolean {
    const { outbox } = this.#party
    if (outbox.isEmpty) {
      this.#lingerSinceMs = undefined
      return false
    }
    this.#lingerSinceMs ??= nowMs
    return outbox.isUrgent || outbox.size >= manyEnds || nowMs - this.#lingerSinceMs >= lingerMs
  }

  /** Who has nothing to do leaves before its lease is over: a share is not kept for it, and it is not taken for dead. */
  #rest(nowMs: number): void {
    if (!this.#isMember) return
    this.#restingSinceMs ??= nowMs
    if (nowMs - this.#restingSinceMs >= this.#options.leaseMs / 2) this.#underway = this.#send(true)
    else this.#beat()
  }

  async #send(leaves: boolean): Promise<void> {
    const { store, keys, clock, serverNow, events } = this.#options
    const nowMs = clock.now()
    const turn = this.#compose(nowMs, leaves)
    this.#busySinceMs = this.#lastSentMs = nowMs
    this.#lingerSinceMs = undefined
    try {
      const args = [JSON.stringify(turn), String(serverNow?.() ?? 0), keys.bus]
      const answer = JSON.parse((await store.run(turnScript, keys.keys, args)) as string) as TurnAnswer
      this.#busySinceMs = undefined
      this.#isFailing = false
      events.took(clock.now() - nowMs)
      this.#take(answer, nowMs, leaves)
    } catch (error) {
      events.failed(error)
      // It was a primary, and keeps its connections: its name may lead to another server by now.
      if (String(error).includes("READONLY")) store.reconnect()
      // Another program has written to our keys.
      if (String(error).includes("WRONGTYPE")) await store.run(mendScript, keys.keys, []).catch(() => {})
      this.#isFailing = true
      // It may have arrived or not: the next turn says which answer was the last.
      this.#busySinceMs = undefined
      this.#wakeAt(clock.now() + lookMs)
    }
  }

  #compose(nowMs: number, leaves: boolean): Turn {
    const { member, newName, told, leaseMs, horizonMs, offlineMs, learns } = this.#options
    const { cursor, outbox } = this.#party
    const { wants, ...state } = this.#party.state(nowMs, !leaves && nowMs + roundingMs >= this.#mayAskMs)
    this.#wants = wants
    return {
      p: member,
      ...(!leaves && this.#serverTime.at(nowMs)),
      ...(this.#born !== undefined && { b: this.#born }),
      ...(!this.#introduced && { told: told(), nb: newName() }),
      ls: leaseMs,
      hz: horizonMs,
      off: offlineMs,
      pv: this.#version,
      ...state,
      W: wants.flat(),
      ...outbox.seal(nowMs),
      le: learns ? 1 : 0,
      ...(cursor !== undefined && { lc: cursor }),
      ...(leaves && { bye: 1 }),
    }
  }

  #take(answer: TurnAnswer, sentMs: number, left: boolean): void {
    const nowMs = this.#options.clock.now()
    if (answer.late) {
      this.#serverTime.doubt()
      return this.kick()
    }
    if (answer.who) {
      // Who has nothing to say any more is gone, and does not come back to say so.
      this.#introduced = left && !this.#party.isActive && this.#party.outbox.isEmpty
      this.#isMember = false
      return this.kick()
    }
    // Of a process that stood still: what it grants may be others' by now, and is declined. The server says the same of a turn that took so long.
    const isLate = (this.#serverTime.at(nowMs).at ?? answer.now) - answer.now > this.#options.leaseMs / 3
    if (isLate) this.#wants = []
    if (isLate) this.#serverTime.doubt()
    else this.#serverTime.heard(answer.now, nowMs)
    this.#introduced = true
    this.#party.outbox.arrived()
    this.#silence.answered(sentMs)
    this.#born = answer.born
    this.#version = answer.pv
    this.#isMember = !left
    if (left) {
      this.#restingSinceMs = undefined
      this.#introduced = !this.#party.isActive
      if (this.#party.isActive) this.kick()
      return
    }
    this.#mayAskMs = nowMs + (answer.r ?? (listOf(answer.s).length < this.#wants.length ? 5 : -Infinity))
    this.#party.hear(isLate ? { ...answer, s: [] } : answer, this.#wants, nowMs)
    this.kick()
  }

  #wakeAt(atMs: number): void {
    if (atMs >= this.#timerMs || atMs === Infinity) return
    this.#cancelTimer?.()
    this.#timerMs = atMs
    const { clock } = this.#options
    this.#cancelTimer = clock.setTimer(Math.max(0, atMs - clock.now()), () => {
      this.#timerMs = Infinity
      this.#cancelTimer = undefined
      this.#next()
    })
  }

  /** A sign of life, thrice a lease. */
  #beat(): void {
    this.#cancelBeat ??= this.#options.beats.setTimer(this.#options.leaseMs / 3, () => {
      this.#cancelBeat = undefined
      this.#next()
    })
  }
}
