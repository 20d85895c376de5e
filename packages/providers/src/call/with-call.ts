import { currentScope, runInScope, type TaskScope } from "@sluice/core"
import { be, callable, checkArgument, checkOptions, InnerScope, milliseconds, text } from "@sluice/core/internal"

/** What holds for the model calls made inside `withCall`. */
export interface CallOptions {
  /** Higher goes first. In place of `priority` of `limitedFetch` and of the item. */
  readonly priority?: number
  /** In whose queue the calls wait. In place of `keyBy`'s. */
  readonly tenant?: string
  /** How long each of them may wait for admission, all its attempts together. */
  readonly maxWaitMs?: number
}

/**
 * Runs `fn`, whose model calls through any `limitedFetch` go by these options, whatever SDK makes them. They travel with the
 * code (AsyncLocalStorage) and never reach the vendor. Inside one another the inner one's word counts; what it leaves out
 * stays the outer one's.
 *
 * @throws SluiceError `invalid-option`
 * @example
 * ```ts
 * await withCall({ priority: 10, tenant: "acme", maxWaitMs: 5000 }, async () => "the calls of a chat") // => "the calls of a chat"
 * ```
 */
export function withCall<R>(options: CallOptions, fn: () => R): R {
  checkOptions<CallOptions>("withCall", options, {
    priority: be("a number", Number.isFinite),
    tenant: text,
    maxWaitMs: milliseconds,
  })
  checkArgument("withCall", "fn", fn, callable)
  return runInScope(new CallScope(currentScope(), options), fn)
}

/** The options of the nearest `withCall` around, each with what it leaves to those around it. */
export function callOptions(scope: TaskScope | undefined): CallOptions {
  for (let each = scope; each; each = each.parent) if (each instanceof CallScope) return each.options
  return {}
}

/** Everything of the scope around, and these options. */
class CallScope extends InnerScope {
  readonly options: CallOptions

  constructor(parent: TaskScope | undefined, options: CallOptions) {
    super(parent, "withCall")
    this.options = { ...callOptions(parent), ...options }
  }

  override get priority(): number {
    return this.options.priority ?? super.priority
  }
}
