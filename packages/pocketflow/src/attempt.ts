import { type Cost, currentScope, runInScope, type AttemptContext, type TaskScope } from "@sluice/core"

/** The scope of one attempt: what `currentRetry` is for the code that runs inside it. */
export class Attempt implements TaskScope {
  readonly parent: TaskScope | undefined = currentScope()
  readonly node: object
  /** 0-based, as `pocketflow` counts. */
  readonly retry: number
  readonly signal: AbortSignal
  waiting = 0
  holding = 0

  constructor(node: object, { attempt, signal }: AttemptContext) {
    this.node = node
    this.retry = attempt - 1
    this.signal = signal
  }

  get site(): string {
    return this.parent?.site ?? this.node.constructor.name
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

  get spend(): ((cost: Cost) => void) | undefined {
    return this.parent?.spend
  }

  /** Runs `fn` as the attempt of `node` that `context` describes. */
  static run<R>(node: object, context: AttemptContext, fn: () => R): R {
    return runInScope(new Attempt(node, context), fn)
  }

  /** The attempt of `node` that the calling code is part of, if it is. */
  static of(node: object): Attempt | undefined {
    for (let each = currentScope(); each; each = each.parent) {
      if (each instanceof Attempt && each.node === node) return each
    }
    return undefined
  }
}
