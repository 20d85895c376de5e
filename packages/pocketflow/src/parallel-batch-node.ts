import type { NonIterableObject } from "./base-node.ts"
import { BatchNode } from "./batch-node.ts"

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
