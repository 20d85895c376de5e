import type { Settlement, Cost, SluiceError } from "@sluice/core"
import type { Dimension } from "../limits/budget.ts"
import type { QuotaLimits } from "./options.ts"
import type { LedgerSnapshot } from "./snapshot.ts"

/** Why a call cannot start now, and for how long. */
export interface Block {
  readonly by: string
  /** `ticket`: what it takes is elsewhere, and others may have theirs here. */
  readonly dimension: Dimension | "gate" | "ticket"
  /** `Infinity`: not before a call in flight settles. */
  readonly ms: number
  /** Time alone does not help, or not before tomorrow: dollars, a day's total, or a cost above the limit (which may have been lowered). */
  readonly total?: "budget" | "day" | "never"
  /** There is room, and it is kept for higher priority. */
  readonly isKept?: boolean
}

/** What a call asks for: its cost and, unless `place` is `false`, a place among those in flight. */
export interface Ask {
  readonly cost: Cost
  readonly place: boolean
  /** The tenant in whose line it waits; of calls that wait. */
  readonly key?: string
  /** Default 0. */
  readonly priority?: number
  /** It is no herd that a server would queue: it goes before others, or they come one by one, or a server soon has all that there are. */
  readonly isFew?: boolean
  /** It is the turn of whoever has waited longest: nothing is kept from it for higher priority. */
  readonly isDue?: boolean
}

/** What a ledger remembers of a call that it let start. */
export interface Taken {
  /** In flight as it left, itself included. */
  readonly inFlight: number
  /** The levels as it left, to be compared with what its answer says. */
  readonly anchors: readonly number[]
  /** This start opened the gate, which had been closed for so long. */
  readonly openedAfterMs?: number | undefined
}

/** A call that left. */
export interface SentCall extends Ask, Taken {
  readonly admittedMs: number
}

/** One number that changed, and why. */
export interface Change {
  readonly dimension: string
  readonly from: number
  readonly to: number
  readonly reason: string
}

/** What the end of a call changed. */
export interface Consequence {
  readonly changes: readonly Change[]
  /** Of a refusal: what it was taken for (`docs/limits.md` has the table), and what that was seen from. */
  readonly cause?: string
  readonly observed?: string
  /** What the user told does not hold. */
  readonly warning?: { readonly code: string; readonly message: string }
  /** The gate closed (again), for this reason and until then. */
  readonly closed?: { readonly reason: string; readonly untilMs: number }
  /** Waiting does not help: the queue ends. */
  readonly fatal?: { readonly why: "billing" | "daily" | "never"; readonly resetMs?: number }
}

/** The limit that a call can never fit into. */
export interface Oversize {
  readonly name: string
  readonly amount: number
  readonly largest: number
}

/**
 * Where the amounts of a quota are kept, in this process or elsewhere: what a queue asks, and nothing more. Every method is
 * synchronous, and time comes as an argument.
 *
 * The contract: `take` follows only a `fits` of the same moment that said yes; every `take` is followed by one `settle`; while calls wait
 * that `block` gave no end for, something will call `wake`, or a call in flight will settle.
 */
export interface Ledger {
  /** The first thing in the way of a call, or nothing. Of several limits, the one that takes longest. */
  block(nowMs: number, ask: Ask): Block | undefined
  /** No sooner than in so many ms all of this can have been admitted, together; 0 where nobody can say. */
  leastMs?(nowMs: number, together: Cost): number
  /** Whether a call could start now: `block` without its reason, for the fast path. */
  fits(nowMs: number, ask: Ask): boolean
  /** A call starts; `waiting` others wait behind it. */
  take(nowMs: number, ask: Ask, waiting: number): Taken
  settle(nowMs: number, call: SentCall, end: Settlement): Consequence
  oversize(cost: Cost): Oversize | undefined
  /** A cost that is an estimate, cut to what the limits can hold. */
  within(cost: Cost): Cost
  /** Dollars that are neither spent nor reserved. */
  budgetLeft(): number
  /** What a call weighs for fair shares: milliseconds of the scarcest limit. */
  weighMs(cost: Cost): number
  places(): { readonly limit: number; readonly running: number }
  /** The user's numbers change: these are new, and `told` is all that holds from now on. */
  retune(limits: QuotaLimits, nowMs: number, wallMs: number, told: QuotaLimits): void
  snapshot(nowMs: number): LedgerSnapshot
  /** After each look at the queue: what could not start, in fair order. A ledger that reserves elsewhere asks there. */
  want?(asks: Iterable<Ask> & { readonly size: number }): void
  /** In how many queues a tenant has calls, where the ledger has several: each gives it its part. */
  sharers?(tenant: string): number
  /** Told once by the queue: `wake` it when there may be room, `end` it with an error when there will be none (until then). */
  attach(wake: () => void, end: (error: SluiceError, untilMs?: number) => void): void
  close(): Promise<void>
}
