import { type AttemptContext, currentScope, Scope, type TaskScope } from "@sluice/core"

/** The scope of one attempt: what `currentRetry` is for the code that runs inside it. */
export class AttemptScope extends Scope {
  readonly node: object

  constructor(
    node: object,
    parent: TaskScope | undefined,
    { index, attempt, signal }: AttemptContext,
    item?: AttemptScope,
  ) {
    super(parent, index, signal, undefined, undefined, attempt, item)
    this.node = node
  }

  override again(attempt: number, signal: AbortSignal): AttemptScope {
    return new AttemptScope(this.node, this, { index: this.index, attempt, signal }, this)
  }

  /** 0-based, as `pocketflow` counts. */
  get retry(): number {
    return this.attempt - 1
  }

  override get site(): string {
    return this.parent?.site ?? this.node.constructor.name
  }

  /** The scope of an item of `node`, below the code that asks. */
  static opener(node: object): (item: unknown, index: number, signal: AbortSignal) => AttemptScope {
    const parent = currentScope()
    return (_item, index, signal) => new AttemptScope(node, parent, { index, attempt: 1, signal })
  }

  /** The attempt of `node` that the calling code is part of, if it is. */
  static of(node: object): AttemptScope | undefined {
    for (let each = currentScope(); each; each = each.parent) {
      if (each instanceof AttemptScope && each.node === node) return each
    }
    return undefined
  }
}
