import type { Settlement, Cost, Permit, TaskScope } from "@sluice/core"
import { wrongCost } from "@sluice/core/internal"
import { sends } from "../ledger/state.ts"
import type { SentCall, Taken } from "./ledger.ts"

/** Whoever hands out permits and takes them back. */
interface Issuer {
  settled(permit: LivePermit, end: Settlement): void
}

const none: readonly number[] = Object.freeze([])

/** A permit: first what its call asks for, then, once that is taken, one of those that its quota has in its list. */
export class LivePermit implements Permit, SentCall {
  readonly cost: Cost
  readonly place: boolean
  readonly priority: number
  readonly scope: TaskScope | undefined
  readonly admittedMs: number
  /** Its neighbours among those that are held. */
  previous: LivePermit | undefined = undefined
  next: LivePermit | undefined = undefined
  inFlight = 0
  anchors: readonly number[] = none
  openedAfterMs: number | undefined = undefined
  #issuer: Issuer | undefined

  constructor(
    issuer: Issuer,
    cost: Cost,
    place: boolean,
    priority: number,
    scope: TaskScope | undefined,
    admittedMs: number,
  ) {
    this.#issuer = issuer
    this.cost = cost
    this.place = place
    this.priority = priority
    this.scope = scope
    this.admittedMs = admittedMs
  }

  /** What its ledger remembers of it. */
  took({ inFlight, anchors, openedAfterMs }: Taken): void {
    this.inFlight = inFlight
    this.anchors = anchors
    this.openedAfterMs = openedAfterMs
  }

  settle(end: Settlement): void {
    const issuer = this.#issuer
    if (!issuer) return
    this.#issuer = undefined
    // What it was admitted with was looked through then. What sends nothing puts right what others took, also below nothing.
    const actual = end?.actual
    const wrong = actual && actual !== this.cost && sends(this.cost) && wrongCost("settle", "actual", actual)
    // What was estimated counts in its place, and nobody waits for this permit for ever.
    issuer.settled(this, wrong ? { ...end, actual: undefined } : end)
    if (wrong) throw wrong
  }
}
