import type { Settlement, Cost, Permit, TaskScope } from "@sluice/core"
import type { Ask, SentCall, Taken } from "./ledger.ts"

/** Whoever hands out permits and takes them back. */
interface Issuer {
  settled(permit: LivePermit, end: Settlement): void
}

/** A permit that is held, in its quota's list of those. */
export class LivePermit implements Permit, SentCall {
  readonly cost: Cost
  readonly place: boolean
  readonly admittedMs: number
  readonly scope: TaskScope | undefined
  /** Its neighbours among those that are held. */
  previous: LivePermit | undefined = undefined
  next: LivePermit | undefined = undefined
  readonly #taken: Taken
  #issuer: Issuer | undefined

  constructor(issuer: Issuer, { cost, place }: Ask, admittedMs: number, scope: TaskScope | undefined, taken: Taken) {
    this.#issuer = issuer
    this.cost = cost
    this.place = place
    this.admittedMs = admittedMs
    this.scope = scope
    this.#taken = taken
  }

  get inFlight(): number {
    return this.#taken.inFlight
  }

  get anchors(): readonly number[] {
    return this.#taken.anchors
  }

  get openedAfterMs(): number | undefined {
    return this.#taken.openedAfterMs
  }

  settle(end: Settlement): void {
    const issuer = this.#issuer
    if (!issuer) return
    this.#issuer = undefined
    issuer.settled(this, end)
  }
}
