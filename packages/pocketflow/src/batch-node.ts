import type { NonIterableObject } from "./base-node.ts"
import type { Limits } from "./limits.ts"
import { mapAll } from "./map-all.ts"
import { Node } from "./node.ts"

/**
 * `exec` for each item that `prep` returns, one after the other; `post` gets all results, in input order. Attempts, waits and
 * the fallback belong to one item. `limits.concurrency` runs more at once.
 *
 * Items come from an array, iterable or async iterable; anything else is no items.
 *
 * @throws the error of the first item that failed for good, untouched.
 *
 * @example
 * ```ts
 * class Lengths extends BatchNode<{ texts: string[]; total?: number }> {
 *   override async prep(shared: { texts: string[] }) { return shared.texts }
 *   override async exec(text: string) { return text.length }
 *   override async post(shared: { total?: number }, _: unknown, lengths: number[]) {
 *     shared.total = lengths.reduce((sum, length) => sum + length, 0)
 *     return undefined
 *   }
 * }
 * const shared: { texts: string[]; total?: number } = { texts: ["one", "three"] }
 * await new Lengths().run(shared)
 * shared.total // => 8
 * ```
 */
export class BatchNode<S = unknown, P extends NonIterableObject = NonIterableObject> extends Node<S, P> {
  override _exec(items: unknown): Promise<unknown[]> {
    return this._execAll(items, 1)
  }

  protected _execAll(items: unknown, concurrency: NonNullable<Limits["concurrency"]>): Promise<unknown[]> {
    return mapAll(isSource(items) ? items : [], this._work, { concurrency: this.limits.concurrency ?? concurrency })
  }
}

function isSource(items: unknown): items is Iterable<unknown> | AsyncIterable<unknown> {
  return typeof items === "object" && items !== null && (Symbol.iterator in items || Symbol.asyncIterator in items)
}

/**
 * `exec` for many items at once: as many as `limits.concurrency` says, by default as many as the quota behind their calls
 * admits and at most 16 that hold no permit. Results come in input order, one per item; each item has its own attempts.
 *
 * @throws the error of the first item that failed for good, untouched, after what was in flight has settled. Its signal
 * (`currentScope()?.signal` of `@sluice/core`) is aborted then, and nothing more is started.
 *
 * @example
 * ```ts
 * class Lengths extends ParallelBatchNode<{ texts: string[]; lengths?: number[] }> {
 *   override async prep(shared: { texts: string[] }) { return shared.texts }
 *   override async exec(text: string) { return text.length }
 *   override async post(shared: { lengths?: number[] }, _: unknown, lengths: number[]) { shared.lengths = lengths; return undefined }
 * }
 * const shared: { texts: string[]; lengths?: number[] } = { texts: ["one", "three"] }
 * await new Lengths(3, 1, { concurrency: 8 }).run(shared)
 * shared.lengths // => [3, 5]
 * ```
 */
export class ParallelBatchNode<S = unknown, P extends NonIterableObject = NonIterableObject> extends BatchNode<S, P> {
  override _exec(items: unknown): Promise<unknown[]> {
    return this._execAll(items, "auto")
  }
}
