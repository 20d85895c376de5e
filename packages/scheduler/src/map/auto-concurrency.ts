import type { ItemState, Scope } from "@sluice/core"

/** The defaults, each with its reason. */
export const autoDefaults: { readonly lookAhead: number; readonly free: number; readonly resting: number } =
  Object.freeze({
    /** Enough waiters that a permit never waits for an item to be pulled; few enough that memory stays small. */
    lookAhead: 16,
    /** Items that neither wait nor hold a permit: nothing else bounds them. */
    free: 16,
    /** Items between two attempts: they cost memory only, and stopping for them would idle the quota. */
    resting: 1_000,
  })

/**
 * Decides when an auto batch pulls: while few items wait for admission and few run without a permit.
 * Items that hold a permit are bounded by the quota that gave it, not here.
 */
export class AutoConcurrency {
  readonly #count: Record<ItemState, number> = { free: 0, waits: 0, holds: 0, rests: 0 }
  readonly #onOpen: () => void
  /** How many items may still come. */
  readonly followers: () => number
  #isTelling = false

  constructor(onOpen: () => void, followers: () => number) {
    this.#onOpen = onOpen
    this.followers = followers
  }

  get open(): boolean {
    const { free, waits, rests } = this.#count
    return free < autoDefaults.free && waits < autoDefaults.lookAhead && rests < autoDefaults.resting
  }

  enter(scope: Scope): void {
    scope.watcher = this
    scope.state = "free"
    this.#count.free++
  }

  /** Something about `scope` changed; an item that left is not counted any more. */
  update(scope: Scope): void {
    if (scope.state === undefined) return
    const state = scope.waiting > 0 ? "waits" : scope.holding > 0 ? "holds" : scope.resting > 0 ? "rests" : "free"
    if (state === scope.state) return
    const wasOpen = this.open
    this.#count[scope.state]--
    this.#count[state]++
    scope.state = state
    if (!wasOpen && this.open) this.#tell()
  }

  // Many items may change in one tick, in the middle of whatever changed them.
  #tell(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    queueMicrotask(() => {
      this.#isTelling = false
      this.#onOpen()
    })
  }

  leave(scope: Scope): void {
    if (scope.state !== undefined) this.#count[scope.state]--
    scope.state = undefined
  }
}
