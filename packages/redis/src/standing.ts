import type { Block, LedgerSnapshot, LimitSnapshot } from "@sluice/scheduler"
import type { Left } from "./alone.ts"
import { amountsOf } from "./wire/amounts.ts"
import type { Cost } from "@sluice/core"
import type { Amounts, KeptLimit, TurnAnswer, Want } from "./wire/turn.ts"

/** What the last answer said of all processes together. */
export class Standing {
  #running = 0
  #oursThen = 0
  #places = -1
  #isRamping = false
  #gateUntilMs = -Infinity
  #gateSinceMs: number | undefined
  #hopeless: { readonly amounts: Amounts; readonly block: Block } | undefined
  epoch = 0
  /** The life of what is kept, by name. */
  born: string | undefined
  /** Of every limit, for this process when it cannot ask. */
  share = 0
  sharers: Readonly<Record<string, number>> = {}
  blockedBy = "the other processes"

  /** `ours`: places that this process holds. Returns until when the gate is closed, if that is news. */
  hear(answer: TurnAnswer, ours: number, nowMs: number): number | undefined {
    this.epoch = answer.ep
    this.born = answer.born
    this.share = answer.sa
    this.#running = answer.n
    this.#oursThen = ours
    this.#places = answer.c ?? -1
    this.sharers = answer.T ?? {}
    this.#isRamping = answer.ramping === 1
    this.#hopeless = undefined
    if (answer.by !== undefined) this.blockedBy = answer.by.replace(/^!/, "")
    if (answer.g === undefined) return undefined
    const untilMs = nowMs + answer.g
    const isNews = this.#gateSinceMs === undefined || untilMs > this.#gateUntilMs + 1
    this.#gateSinceMs ??= nowMs
    this.#gateUntilMs = untilMs
    return isNews ? untilMs : undefined
  }

  /** Time alone does not help such a call, or not before tomorrow. */
  hearHopeless([requests, input, output, usd]: Want, by: string, isTotal: boolean, resetMs: number): void {
    const block: Block = isTotal
      ? { by, dimension: "usd", ms: Infinity, total: "budget" }
      : { by, dimension: "requests", ms: resetMs, total: "day" }
    this.#hopeless = { amounts: [requests, input, output, usd], block }
  }

  hopeless(cost: Cost): Block | undefined {
    const amounts = amountsOf(cost)
    return this.#hopeless?.amounts.every((amount, index) => amount === amounts[index])
      ? this.#hopeless.block
      : undefined
  }

  /** A call starts: for how long the gate had been closed, if this is the first since. */
  opened(nowMs: number): number | undefined {
    const sinceMs = this.#gateSinceMs
    this.#gateSinceMs = undefined
    return sinceMs === undefined ? undefined : nowMs - sinceMs
  }

  get hasPlaces(): boolean {
    return this.#places >= 0
  }

  places(ours: number): { readonly limit: number; readonly running: number } {
    const running = Math.max(ours, this.#running + ours - this.#oursThen)
    return { limit: this.hasPlaces ? this.#places : Infinity, running }
  }

  limits(ours: number): LimitSnapshot[] {
    const { limit, running } = this.places(ours)
    const level = Math.max(0, limit - running)
    return this.hasPlaces ? [{ name: "concurrency", dimension: "concurrency", limit, level }] : []
  }

  /** The gate is closed for so long, or it is asked again then. That brings what comes with time; a place and dollars come with an end. */
  asksInMs(nowMs: number, mayAskMs: number, ours: number): number {
    const endBrings = this.blockedBy === "concurrency" || this.blockedBy === "budgetUsd"
    return Math.max(this.gateMs(nowMs), endBrings && this.places(ours).running > 0 ? -Infinity : mayAskMs - nowMs)
  }

  gateMs(nowMs: number): number {
    return this.#gateUntilMs - nowMs
  }

  /** To this process, when it cannot ask. */
  left(nowMs: number, limits: readonly KeptLimit[]): Left {
    return { share: this.share, limits, places: this.#places, gateMs: Math.max(0, this.gateMs(nowMs)) }
  }

  gate(nowMs: number): LedgerSnapshot["gate"] {
    const shutMs = this.gateMs(nowMs)
    if (shutMs > 0) return { state: "closed", reopensInMs: shutMs }
    return { state: this.#isRamping ? "ramping" : "open" }
  }
}
