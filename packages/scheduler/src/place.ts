import type { Cost, Feedback, Limiter, Permit, SettleOutcome, TaskScope } from "@sluice/core"
import { ItemScope } from "./item-scope.ts"

interface PlaceOptions {
  readonly limiter: Limiter
  readonly cost: Cost | undefined
  readonly signal: AbortSignal
  readonly scope: ItemScope
}

/**
 * The permit that an executor holds for one attempt, and lends to the attempt's children while it waits for them:
 * a shared limit then holds for the whole tree, and never deadlocks on itself.
 */
export class Place {
  readonly limiter: Limiter
  readonly #options: PlaceOptions
  #permit: Permit | undefined
  #lentTo = 0
  #ended = false

  private constructor(options: PlaceOptions, permit: Permit) {
    this.limiter = options.limiter
    this.#options = options
    options.scope.place = this
    this.#hold(permit)
  }

  /** Admits the attempt. Runs inside the item's scope, so that the limiter knows who waits. */
  static async take(options: PlaceOptions): Promise<Place> {
    const { limiter, cost, signal, scope } = options
    const permit = await limiter.admit(cost, { signal, priority: scope.priority })
    return new Place(options, permit)
  }

  /** The same without waiting, if the limiter has a permit at hand. */
  static tryTake(options: PlaceOptions): Place | undefined {
    const { limiter, cost, signal, scope } = options
    const permit = limiter.tryAdmit(cost, { signal, priority: scope.priority })
    return permit && new Place(options, permit)
  }

  /** The attempt ended. */
  settle(outcome: SettleOutcome, feedback?: Feedback): void {
    this.#ended = true
    this.#options.scope.place = undefined
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
      const { limiter, signal, scope } = this.#options
      // Started work goes before new work, and is not charged again.
      const permit = await limiter.admit({ requests: 0 }, { signal, priority: scope.priority + 1 })
      if (this.#lentTo > 0 || this.#ended) permit.settle("ignored")
      else this.#hold(permit)
    }
  }

  #hold(permit: Permit): void {
    this.#permit = permit
    this.#options.scope.held.push(this.limiter)
  }

  #release(): Permit | undefined {
    const permit = this.#permit
    this.#permit = undefined
    const { held } = this.#options.scope
    if (permit) held.splice(held.indexOf(this.limiter), 1)
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
