import { recordPath } from "../run/frame.ts"
import { isPromiseLike, type MaybePromise } from "../maybe-promise.ts"
import type { RecordIdentity, SettledRecord } from "../ports/ports.ts"
import type { Work } from "../scope/work.ts"

/** What identifies one piece of work beside where it runs. */
export interface Identified {
  readonly visit: number
  readonly input: unknown
  readonly version: string | undefined
  readonly index?: number
  readonly key?: string | undefined
  /** What a record would stand in for. */
  readonly exec: (...args: never[]) => unknown
}

/** The record in the journal that stands in for the work, if there is one. Notes on its scope what the journal knows it by. */
export function recall(work: Work, what: Identified): MaybePromise<SettledRecord | undefined> {
  const { frame, node } = work
  const { journal, changes, retryFailed } = frame.run
  const { visit, input, version, index, key, exec } = what
  const identity: RecordIdentity = {
    node: recordPath(frame, node),
    visit,
    params: frame.params,
    input,
    ...(index !== undefined && { index }),
    ...(key !== undefined && { key }),
    ...(version !== undefined && { version }),
  }
  work.identity = identity
  const counts = (record: SettledRecord | undefined): SettledRecord | undefined => {
    const counted = record?.status === "failed" && retryFailed ? undefined : record
    changes?.asked(work.path, exec, version, counted !== undefined)
    return counted
  }
  const found = journal?.lookup(identity)
  return isPromiseLike(found) ? found.then(counts) : counts(found)
}
