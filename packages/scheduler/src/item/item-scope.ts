import type { Cost, Limiter, TaskScope } from "@sluice/core"
import type { AutoGate, ItemState } from "../map/auto-gate.ts"
import type { Place } from "./lent-permit.ts"

/**
 * The scope of one item of a map, of one attempt at it when attempts have a time limit, or of the worker that runs one item after
 * the other.
 */
export class ItemScope implements TaskScope {
  readonly parent: TaskScope | undefined
  index: number | undefined
  readonly signal: AbortSignal
  readonly priority: number
  waiting = 0
  holding = 0
  resting = 0
  /** The permit that the executor took for this item: nested maps find it here and borrow it. */
  place: Place | undefined = undefined
  /** As the gate of an auto batch last counted it. */
  state: ItemState | undefined = undefined
  readonly #gate: AutoGate | undefined

  constructor(
    parent: TaskScope | undefined,
    index: number | undefined,
    signal: AbortSignal,
    priority: number | undefined,
    gate?: AutoGate,
  ) {
    this.parent = parent
    this.index = index
    this.signal = signal
    this.priority = priority ?? parent?.priority ?? 0
    this.#gate = gate
    gate?.enter(this)
  }

  get site(): string {
    const site = this.parent?.site ?? "parallelMap"
    return this.index === undefined ? site : `${site}[${this.index}]`
  }

  get runId(): string | undefined {
    return this.parent?.runId
  }

  get spanId(): number | undefined {
    return this.parent?.spanId
  }

  get spend(): ((cost: Cost) => void) | undefined {
    return this.parent?.spend
  }

  get held(): Limiter[] {
    return this.place?.isHeld ? [this.place.limiter] : []
  }

  onChange(): void {
    this.#gate?.update(this)
  }
}
