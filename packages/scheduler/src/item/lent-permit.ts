import type { AdmitOptions, Cost, LendablePermit, Limiter, Permit, Scope, Settlement, TaskScope } from "@sluice/core"

/**
 * The permit that an executor holds for one attempt, and lends to the attempt's children while it waits for them:
 * a shared limit then holds for the whole tree, and never deadlocks on itself.
 */
export class LentPermit implements LendablePermit {
  readonly limiter: Limiter
  readonly #scope: Scope
  readonly #key: string | undefined
  #permit: Permit | undefined
  #lentTo = 0
  #ended = false

  private constructor(limiter: Limiter, permit: Permit, scope: Scope, key: string | undefined) {
    this.limiter = limiter
    this.#permit = permit
    this.#scope = scope
    this.#key = key
    scope.permit = this
  }

  /** Admits the attempt. Runs inside the item's scope, so that the limiter knows who waits. */
  static async take(
    limiter: Limiter,
    cost: Cost | undefined,
    scope: Scope,
    key: string | undefined,
    since: number | undefined,
  ): Promise<LentPermit> {
    return new LentPermit(limiter, await limiter.admit(cost, admitOptions(scope, key, since)), scope, key)
  }

  /** The same without waiting, if the limiter has a permit at hand. */
  static tryTake(
    limiter: Limiter,
    cost: Cost | undefined,
    scope: Scope,
    key: string | undefined,
    since: number | undefined,
  ): LentPermit | undefined {
    const permit = limiter.tryAdmit(cost, admitOptions(scope, key, since))
    return permit && new LentPermit(limiter, permit, scope, key)
  }

  /** Whether the permit is here, not lent. */
  get isHeld(): boolean {
    return this.#permit !== undefined
  }

  /** The attempt ended. */
  settle(end: Settlement): void {
    this.#ended = true
    this.#scope.permit = undefined
    this.#release()?.settle(end)
  }

  /** Gives the place back until the returned function is called, which waits until it is had again. */
  lend(): () => Promise<void> {
    // What the attempt costs stays charged; only its place among those in flight is free.
    if (this.#lentTo++ === 0) this.#release()?.settle({ outcome: "ignored" })
    let returned = false
    return async () => {
      if (returned) return
      returned = true
      if (--this.#lentTo > 0 || this.#ended) return
      const { signal, priority } = this.#scope
      const tenant = this.#key === undefined ? {} : { tenant: this.#key }
      // Started work goes before new work, and is not charged again.
      const permit = await this.limiter.admit({ requests: 0 }, { signal, priority: priority + 1, ...tenant })
      if (this.#lentTo > 0 || this.#ended) permit.settle({ outcome: "ignored" })
      else this.#permit = permit
    }
  }

  #release(): Permit | undefined {
    const permit = this.#permit
    this.#permit = undefined
    return permit
  }
}

/** A scope is what most limiters need to know of a call. `since`: when a call that was refused had asked first. */
function admitOptions(scope: Scope, key: string | undefined, since: number | undefined): AdmitOptions {
  if (key === undefined && since === undefined) return scope
  const { signal, priority } = scope
  return { signal, priority, ...(key !== undefined && { tenant: key }), ...(since !== undefined && { since }) }
}

const nothingLent = (): Promise<void> => Promise.resolve()

/**
 * When the code in `scope` is an attempt that holds a permit of `limiter`, lends its place until the returned function
 * is called. Otherwise does nothing.
 */
export function lendPermit(limiter: Limiter | undefined, scope: TaskScope | undefined): () => Promise<void> {
  if (!limiter) return nothingLent
  for (let each = scope; each; each = each.parent) {
    if (each.permit?.limiter === limiter) return each.permit.lend()
  }
  return nothingLent
}
