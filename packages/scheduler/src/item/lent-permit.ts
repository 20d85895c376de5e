import type { Cost, Feedback, Limiter, Permit, SettleOutcome, TaskScope } from "@sluice/core"
import { ItemScope } from "./item-scope.ts"

/**
 * The permit that an executor holds for one attempt, and lends to the attempt's children while it waits for them:
 * a shared limit then holds for the whole tree, and never deadlocks on itself.
 */
export class Place {
  readonly limiter: Limiter
  readonly #scope: ItemScope
  #permit: Permit | undefined
  #lentTo = 0
  #ended = false

  private constructor(limiter: Limiter, permit: Permit, scope: ItemScope) {
    this.limiter = limiter
    this.#permit = permit
    this.#scope = scope
    scope.place = this
  }

  /** Admits the attempt. Runs inside the item's scope, so that the limiter knows who waits. */
  static async take(limiter: Limiter, cost: Cost | undefined, scope: ItemScope): Promise<Place> {
    return new Place(limiter, await limiter.admit(cost, scope), scope)
  }

  /** The same without waiting, if the limiter has a permit at hand. */
  static tryTake(limiter: Limiter, cost: Cost | undefined, scope: ItemScope): Place | undefined {
    const permit = limiter.tryAdmit(cost, scope)
    return permit && new Place(limiter, permit, scope)
  }

  /** Whether the permit is here, not lent. */
  get isHeld(): boolean {
    return this.#permit !== undefined
  }

  /** The attempt ended. */
  settle(outcome: SettleOutcome, feedback?: Feedback): void {
    this.#ended = true
    this.#scope.place = undefined
    this.#release()?.settle(outcome, undefined, feedback)
  }

  /** Gives the place back until the answered function is called, which waits until it is had again. */
  lend(): () => Promise<void> {
    // What the attempt costs stays charged; only its place among those in flight is free.
    if (this.#lentTo++ === 0) this.#release()?.settle("ignored")
    let returned = false
    return async () => {
      if (returned) return
      returned = true
      if (--this.#lentTo > 0 || this.#ended) return
      const { signal, priority } = this.#scope
      // Started work goes before new work, and is not charged again.
      const permit = await this.limiter.admit({ requests: 0 }, { signal, priority: priority + 1 })
      if (this.#lentTo > 0 || this.#ended) permit.settle("ignored")
      else this.#permit = permit
    }
  }

  #release(): Permit | undefined {
    const permit = this.#permit
    this.#permit = undefined
    return permit
  }
}

const nothingLent = (): Promise<void> => Promise.resolve()

/**
 * When the code in `scope` is an attempt that holds a place of `limiter`, lends that place until the answered function
 * is called. Otherwise does nothing.
 */
export function lendPlace(limiter: Limiter | undefined, scope: TaskScope | undefined): () => Promise<void> {
  if (!limiter) return nothingLent
  for (let each = scope; each; each = each.parent) {
    if (each instanceof ItemScope && each.place?.limiter === limiter) return each.place.lend()
  }
  return nothingLent
}
