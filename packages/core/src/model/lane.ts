import { be, type Check, fields, needed, objectOr, positive } from "../options.ts"
import type { RunJournal } from "../ports/ports.ts"

/**
 * Which way the model calls of a batch's items go: `"online"` one by one, `"batch"` through the vendor's batch API at
 * about half the price and within a day, `{ deadlineMs }` through the batch API while there is time, then online.
 */
export type Lane = "online" | "batch" | { readonly deadlineMs: number }

/** Small facts beside the items of a run, which outlive a crash. */
export type RunNotes = Required<Pick<RunJournal, "note" | "putNote">>

/**
 * What the items of one visit of a batch have in common for whoever carries out its lane.
 *
 * `batch` makes its own. Code that runs items by itself makes one, puts it into the scope of its items, and calls `end`
 * when the last of them has ended.
 *
 * @example
 * ```ts
 * const lane = new LaneScope("batch", "nightly", undefined)
 * const scope = { parent: currentScope(), site: "nightly", waiting: 0, holding: 0, lane }
 * runInScope(scope, () => currentLane()?.lane) // => "batch"
 * await lane.end(true)
 * ```
 */
export class LaneScope {
  readonly lane: Exclude<Lane, "online">
  /** Names this visit across runs: what is noted under it is found again after a crash. */
  readonly record: string
  /** The run's, when it has a journal that keeps notes. */
  readonly notes: RunNotes | undefined
  readonly #atEnd: ((finished: boolean) => Promise<void>)[] = []

  constructor(lane: Exclude<Lane, "online">, record: string, notes: RunNotes | undefined) {
    this.lane = lane
    this.record = record
    this.notes = notes
  }

  /** Called when every item has ended; `finished` unless the run was cancelled. */
  atEnd(tidyUp: (finished: boolean) => Promise<void>): void {
    this.#atEnd.push(tidyUp)
  }

  /** Resolves when whatever carried the lane out has noted what there is to note. */
  async end(finished: boolean): Promise<void> {
    for (const tidyUp of this.#atEnd.splice(0)) await tidyUp(finished)
  }
}

export const lane: Check = objectOr(
  fields<Extract<Lane, object>>({ deadlineMs: needed(positive) }),
  be('"online", "batch" or { deadlineMs }', (value) => value === "online" || value === "batch"),
)
