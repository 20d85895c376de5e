import type { Cost, Feedback, Permit, SettleOutcome, TaskScope } from "@sluice/core"
import type { SentCall } from "./learning.ts"

/** Whoever hands out permits and takes them back. */
interface Issuer {
  settled(permit: LivePermit, outcome: SettleOutcome, actual: Cost | undefined, feedback: Feedback | undefined): void
}

/** A permit that is held, in its quota's list of those. */
export class LivePermit implements Permit, SentCall {
  readonly cost: Cost
  readonly admittedMs: number
  readonly scope: TaskScope | undefined
  readonly inFlight: number
  readonly anchors: readonly number[]
  /** The list is its members' own: a set would cost as much as the arithmetic of admission. */
  previous: LivePermit | undefined = undefined
  next: LivePermit | undefined = undefined
  #issuer: Issuer | undefined

  constructor(
    issuer: Issuer,
    cost: Cost,
    admittedMs: number,
    scope: TaskScope | undefined,
    inFlight: number,
    anchors: readonly number[],
  ) {
    this.#issuer = issuer
    this.cost = cost
    this.admittedMs = admittedMs
    this.scope = scope
    this.inFlight = inFlight
    this.anchors = anchors
  }

  settle(outcome: SettleOutcome, actual?: Cost, feedback?: Feedback): void {
    const issuer = this.#issuer
    if (!issuer) return
    this.#issuer = undefined
    issuer.settled(this, outcome, actual, feedback)
  }
}
