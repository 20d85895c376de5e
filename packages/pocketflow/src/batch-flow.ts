import type { BaseNode, NonIterableObject } from "./base-node.ts"
import { Flow } from "./flow.ts"
import type { Limits } from "./limits.ts"
import { mapAll } from "./map-all.ts"

/**
 * The flow once for each params object that `prep` returns, one after the other, each merged over the flow's own.
 * `limits.concurrency` runs more at once.
 *
 * @throws the error of the first sub-flow that failed, untouched.
 *
 * @example
 * ```ts
 * class Note extends Node<{ seen: string[] }, { file: string }> {
 *   override async post(shared: { seen: string[] }) { shared.seen.push(this._params.file); return undefined }
 * }
 * class EachFile extends BatchFlow<{ seen: string[] }> {
 *   override async prep() { return [{ file: "a.md" }, { file: "b.md" }] }
 * }
 * const shared: { seen: string[] } = { seen: [] }
 * await new EachFile(new Note()).run(shared)
 * shared.seen // => ["a.md", "b.md"]
 * ```
 */
export class BatchFlow<
  S = unknown,
  P extends NonIterableObject = NonIterableObject,
  NP extends NonIterableObject[] = NonIterableObject[],
> extends Flow<S, P> {
  limits: Limits

  constructor(start: BaseNode, limits: Limits = {}) {
    super(start)
    this.limits = limits
  }

  override _run(shared: S): Promise<string | undefined> {
    return this._runAll(shared, 1)
  }

  protected async _runAll(shared: S, concurrency: NonNullable<Limits["concurrency"]>): Promise<string | undefined> {
    const batch = await this.prep(shared)
    const { concurrency: told = concurrency, ...policy } = this.limits
    await mapAll(
      batch,
      {
        // oxlint-disable-next-line typescript/no-misused-spread -- params are never iterable: P extends NonIterableObject
        attempt: (params) => this._orchestrate(shared, { ...this._params, ...params }),
        policy,
      },
      { concurrency: told },
    )
    return this.post(shared, batch, undefined)
  }

  override async prep(_shared: S): Promise<NP> {
    return [] as unknown as NP
  }
}

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
