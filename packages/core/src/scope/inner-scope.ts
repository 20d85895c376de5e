import type { TaskScope } from "./task-scope.ts"

/** A scope inside another, which is everything of that and what a subclass adds. `name` is its site where nothing is around it. */
export class InnerScope implements TaskScope {
  waiting = 0
  holding = 0
  resting = 0
  readonly parent: TaskScope | undefined
  readonly signal?: AbortSignal
  readonly #name: string

  constructor(parent: TaskScope | undefined, name: string) {
    this.parent = parent
    this.#name = name
    if (parent?.signal) this.signal = parent.signal
  }

  get site(): string {
    return this.parent?.site ?? this.#name
  }

  get runId(): string | undefined {
    return this.parent?.runId
  }

  get spanId(): number | undefined {
    return this.parent?.spanId
  }

  get priority(): number {
    return this.parent?.priority ?? 0
  }

  get spend(): TaskScope["spend"] {
    return this.parent?.spend
  }
}
