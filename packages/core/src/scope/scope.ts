import type { AttemptContext } from "../ports/attempt-context.ts"
import type { Cost } from "../cost.ts"
import type { LendablePermit } from "./lendable-permit.ts"
import type { EventSink } from "../ports/event-sink.ts"
import type { Limiter } from "../ports/ports.ts"
import type { TaskScope } from "./task-scope.ts"

/** What an item does, as far as admission can tell. */
export type ItemState = "free" | "waits" | "holds" | "rests"

/**
 * The scope of one item of a map, or of one attempt at it: what travels with its code, and the context that it gets.
 * Executors make them; `ItemWork.open` may make one that knows more.
 *
 * @example
 * ```ts
 * const { signal } = new AbortController()
 * const item = new Scope(currentScope(), 3, signal)
 * runInScope(item, () => currentScope()?.site) // => "parallelMap[3]"
 * item.again(2, signal).attempt // => 2
 * ```
 */
export class Scope implements TaskScope, AttemptContext {
  waiting = 0
  holding = 0
  resting = 0
  /** The permit that the executor took for this item. */
  permit: LendablePermit | undefined = undefined
  /** Told when `waiting`, `holding` or `resting` changed. */
  watcher: { followers(): number; update(scope: Scope): void } | undefined = undefined
  /** As the watcher last counted it. */
  state: ItemState | undefined = undefined
  readonly parent: TaskScope | undefined
  /** Written only by a worker whose plain items share its scope. */
  index: number
  readonly attempt: number
  readonly signal: AbortSignal
  readonly priority: number
  readonly spanId: number | undefined
  /** The item's scope; `this`, unless it is the scope of one attempt. */
  readonly item: Scope

  constructor(
    parent: TaskScope | undefined,
    index: number,
    signal: AbortSignal,
    priority: number = parent?.priority ?? 0,
    spanId: number | undefined = parent?.spanId,
    attempt: number = 1,
    item?: Scope,
  ) {
    this.parent = parent
    this.index = index
    this.signal = signal
    this.priority = priority
    this.spanId = spanId
    this.attempt = attempt
    this.item = item ?? this
  }

  /** The scope of another attempt at the item, or of one with a time limit. */
  again(attempt: number, signal: AbortSignal): Scope {
    return new Scope(this, this.index, signal, this.priority, this.spanId, attempt, this.item)
  }

  get site(): string {
    return this.item === this ? `${this.parent?.site ?? "parallelMap"}[${this.index}]` : this.item.site
  }

  get followers(): number {
    return this.watcher?.followers() ?? 0
  }

  get runId(): string | undefined {
    return this.parent?.runId
  }

  get spend(): ((cost: Cost, told?: EventSink) => void) | undefined {
    return this.parent?.spend
  }

  get held(): Limiter[] {
    return this.permit?.isHeld ? [this.permit.limiter] : []
  }

  onChange(): void {
    this.watcher?.update(this)
  }
}
