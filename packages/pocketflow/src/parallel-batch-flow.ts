import type { NonIterableObject } from "./base-node.ts"
import { BatchFlow } from "./batch-flow.ts"

/**
 * The flow for many params objects at once: as many as `limits.concurrency` says, by default as many as the quota behind
 * their calls admits and at most 16 that hold no permit.
 *
 * @throws the error of the first sub-flow that failed, untouched, after the others have ended: they start no further node.
 *
 * @example
 * ```ts
 * class Note extends Node<{ seen: string[] }, { file: string }> {
 *   override async post(shared: { seen: string[] }) { shared.seen.push(this._params.file); return undefined }
 * }
 * class EachFile extends ParallelBatchFlow<{ seen: string[] }> {
 *   override async prep() { return [{ file: "a.md" }, { file: "b.md" }] }
 * }
 * const shared: { seen: string[] } = { seen: [] }
 * await new EachFile(new Note(), { concurrency: 8 }).run(shared)
 * shared.seen // => ["a.md", "b.md"]
 * ```
 */
export class ParallelBatchFlow<
  S = unknown,
  P extends NonIterableObject = NonIterableObject,
  NP extends NonIterableObject[] = NonIterableObject[],
> extends BatchFlow<S, P, NP> {
  override _run(shared: S): Promise<string | undefined> {
    return this._runAll(shared, "auto")
  }
}
