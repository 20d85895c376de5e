import type { Work } from "../run/context.ts"
import type { Cost } from "../cost.ts"
import { recordPath } from "../run/frame.ts"
import { isPromiseLike } from "../maybe-promise.ts"
import type { Outcome } from "../outcome.ts"
import type { RecordIdentity, RunJournal, SettledRecord } from "../ports/ports.ts"

/** What identifies one piece of work beside where it runs. */
export interface Identified {
  readonly visit: number
  readonly input: unknown
  readonly version: string | undefined
  readonly index?: number
  readonly key?: string | undefined
}

/** The journal of one piece of work. */
export class Recall {
  readonly #journal: RunJournal
  readonly #identity: RecordIdentity
  readonly #retryFailed: boolean

  constructor(journal: RunJournal, work: Work, what: Identified) {
    const { frame, node } = work
    const { visit, input, version, index, key } = what
    this.#journal = journal
    this.#retryFailed = frame.run.retryFailed
    this.#identity = {
      node: recordPath(frame, node),
      visit,
      params: frame.params,
      input,
      ...(index !== undefined && { index }),
      ...(key !== undefined && { key }),
      ...(version !== undefined && { version }),
    }
  }

  /** The record that stands in for the work, if there is one. */
  async find(): Promise<SettledRecord | undefined> {
    const found = this.#journal.lookup(this.#identity)
    const record = isPromiseLike(found) ? await found : found
    return record?.status === "failed" && this.#retryFailed ? undefined : record
  }

  /** Resolves when the outcome is durable: only then it counts. */
  settle(outcome: Outcome<unknown>, cost: Cost | undefined): Promise<void> {
    return this.#journal.settle(this.#identity, outcome, cost)
  }
}
