import type { Limiter } from "../ports/ports.ts"

/** The permit that an executor holds for an item, and lends to the maps inside the item while it waits for them. */
export interface LendablePermit {
  readonly limiter: Limiter
  /** Whether the permit is here, not lent. */
  readonly isHeld: boolean
  /** Gives the place back until the returned function is called, which waits until it is had again. */
  lend(): () => Promise<void>
}
