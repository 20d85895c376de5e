import { SluiceError } from "../errors.ts"
import { reasonOf } from "../reason-of.ts"

/** How many attempts' errors one item keeps: more than any sane `maxAttempts`, so that an endless retry stays small. */
export const keptErrors = 100

/**
 * An item that failed for good: which one, and the error of every attempt at it (the last 100).
 * `cause` is the error that decided, normally the last attempt's or its fallback's.
 *
 * @example
 * ```ts
 * const error = new ItemError("summarise", { index: 3, key: "a.md", attempts: 1, errors: [new Error("boom")] })
 * error.message // => 'Item 3 ("a.md") of "summarise" failed after 1 attempt: boom'
 * ItemError.isInstance(error) // => true
 * ```
 */
export class ItemError extends SluiceError {
  readonly node: string
  readonly index: number
  readonly key: string | undefined
  readonly attempts: number
  readonly #errors: readonly unknown[]

  constructor(
    node: string,
    item: {
      readonly index: number
      readonly key?: string | undefined
      readonly attempts: number
      readonly errors: readonly unknown[]
      readonly cause?: unknown
    },
  ) {
    const cause = "cause" in item ? item.cause : item.errors.at(-1)
    const { index, key, attempts } = item
    const which = key === undefined ? `Item ${index}` : `Item ${index} (${JSON.stringify(key)})`
    const tries = attempts === 1 ? "1 attempt" : `${attempts} attempts`
    super("item-failed", `${which} of "${node}" failed after ${tries}: ${reasonOf(cause)}`, {
      cause,
      details: { node, index, key, attempts },
    })
    this.name = "ItemError"
    this.node = node
    this.index = index
    this.key = key
    this.attempts = attempts
    this.#errors = item.errors
    // They stand in the message and in `details`, and would be printed a second time.
    for (const name of ["node", "index", "key", "attempts"]) Object.defineProperty(this, name, { enumerable: false })
  }

  /** Not a property of its own: `console.error` would print each with its causes, at every level of a nested flow. */
  get errors(): readonly unknown[] {
    return this.#errors
  }

  static override isInstance(error: unknown): error is ItemError {
    return SluiceError.isInstance(error) && error.code === "item-failed"
  }
}
