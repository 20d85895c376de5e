import type { Settlement } from "@sluice/core"
import type { QuotaOptions, SentCall } from "@sluice/scheduler"
import type { Started } from "./alone.ts"
import { amountsOf, less } from "./wire/amounts.ts"
import { type WireEnding, endingOf } from "./wire/ending.ts"
import type { Amounts, Refused, Return, Turn } from "./wire/turn.ts"

interface SentTurn {
  readonly startMs: number
  readonly back: Amounts
  readonly reservedUsd: number
}

/** Something that the learner is to hear: a start or an end of a call. */
export type HeardTurn =
  | readonly ["s", number, number, Amounts, 0 | 1, number, number]
  | readonly ["e", number, number, Settlement]

interface Parcel {
  readonly returns: SentTurn[]
  readonly refused: { readonly startMs: number; readonly waitMs: number; readonly askedMs: number }[]
  readonly heard: HeardTurn[]
  answers: number
  newestMs: number
  readonly stated: (readonly [string, number, number])[]
  fatal: Turn["F"]
  readonly alone: Started[]
  clear: boolean
}

/** What has happened since the last turn, and goes with the next: each piece is counted once at the other end, however often it is sent. */
export class Outbox {
  /** Number of what is on its way. */
  #sequence = 0
  #underway: Parcel | undefined
  #next: Parcel = parcel()

  /** Something must be told at once: a refusal, an end, a place. */
  isUrgent = false

  get isEmpty(): boolean {
    const { returns, refused, heard, stated, answers, fatal, alone, clear } = this.#next
    return (
      this.#underway === undefined &&
      returns.length + refused.length + heard.length + stated.length + alone.length + answers === 0 &&
      fatal === undefined &&
      !clear
    )
  }

  get size(): number {
    return this.#next.returns.length + this.#next.heard.length
  }

  /** A call ended. Returns what ends the queue, if anything. */
  settled(
    nowMs: number,
    call: SentCall,
    end: Settlement,
    options: QuotaOptions,
    isHeard: boolean,
  ): WireEnding["fatal"] {
    const { sends, used, gateMs, isAnswer, fatal } = endingOf(call.cost, end, options)
    const reserved = amountsOf(call.cost)
    this.giveBack(call.admittedMs, less(reserved, used), reserved[3])
    const said = end.outcome === "throttled" ? end.message : undefined
    // Nobody's words are kept; whoever learns needs none.
    if (sends && isHeard) this.#next.heard.push(["e", call.anchors[0]!, nowMs, withoutWords(end)])
    if (isAnswer) this.answered(call.admittedMs)
    if (end.outcome === "throttled" || gateMs !== undefined) this.refused(call, gateMs)
    if (fatal) this.end(fatal.why, fatal.resetMs, said)
    return fatal
  }

  giveBack(startMs: number, back: Amounts, reservedUsd = 0): void {
    if (reservedUsd !== 0 || back.some((amount) => amount !== 0))
      this.#next.returns.push({ startMs, back, reservedUsd })
  }

  refused({ admittedMs, anchors: [, askedMs = admittedMs] }: SentCall, waitMs: number | undefined): void {
    this.#next.refused.push({ startMs: admittedMs, waitMs: waitMs ?? -1, askedMs })
    this.isUrgent = true
  }

  answered(startMs: number): void {
    this.#next.answers++
    this.#next.newestMs = Math.max(this.#next.newestMs, startMs)
  }

  hear(event: HeardTurn): void {
    this.#next.heard.push(event)
  }

  /** The vendor's own number, lower than what was known. */
  stated(id: string, limit: number, remaining: number): void {
    this.#next.stated.push([id, limit, remaining])
    this.isUrgent = true
  }

  end(why: string, resetMs: number | undefined, message: string | undefined): void {
    this.#next.fatal = [why, resetMs ?? -1, (message ?? "").toWellFormed()]
    this.isUrgent = true
  }

  /** The user says that it may be tried again. */
  reopen(): void {
    this.#next.clear = true
    this.isUrgent = true
  }

  startedAlone(started: readonly Started[]): void {
    this.#next.alone.push(...started)
    this.isUrgent ||= started.length > 0
  }

  /** The part of the next turn that is from here; the same again until `arrived`. */
  seal(nowMs: number): Pick<Turn, "s" | "S" | "R" | "ok" | "oka" | "X" | "F" | "al" | "ev" | "clear"> {
    if (!this.#underway && !this.isEmpty) {
      this.#underway = this.#next
      this.#next = parcel()
      this.#sequence++
      this.isUrgent = false
    }
    const { returns, refused, heard, stated, answers, newestMs, fatal, alone, clear } = this.#underway ?? parcel()
    return {
      s: this.#sequence,
      S: returns.flatMap(({ startMs, back, reservedUsd }): Return => [...back, nowMs - startMs, reservedUsd]),
      ...(refused.length > 0 && {
        R: refused.map(({ startMs, waitMs, askedMs }): Refused => [nowMs - startMs, waitMs, nowMs - askedMs]),
      }),
      ok: answers,
      oka: answers > 0 ? nowMs - newestMs : 0,
      ...(stated.length > 0 && { X: stated }),
      ...(fatal && { F: fatal }),
      ...(alone.length > 0 && { al: alone.flatMap(({ atMs, amounts }) => [...amounts, nowMs - atMs]) }),
      ...(heard.length > 0 && { ev: JSON.stringify(heard.map((event) => aged(event, nowMs))) }),
      ...(clear && { clear: 1 }),
    }
  }

  arrived(): void {
    this.#underway = undefined
  }
}

function withoutWords(end: Settlement): Settlement {
  if (end.outcome !== "throttled") return end
  const { message: _message, ...rest } = end
  return rest
}

function parcel(): Parcel {
  return {
    returns: [],
    refused: [],
    heard: [],
    stated: [],
    answers: 0,
    newestMs: -Infinity,
    fatal: undefined,
    alone: [],
    clear: false,
  }
}

function aged(event: HeardTurn, nowMs: number): HeardTurn {
  const ageMs = Math.round((nowMs - event[2]) * 100) / 100
  return event[0] === "s"
    ? ["s", event[1], ageMs, event[3], event[4], event[5], event[6]]
    : ["e", event[1], ageMs, event[3]]
}
