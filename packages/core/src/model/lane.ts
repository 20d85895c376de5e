import { be, type Check, fields, needed, objectOr, positive } from "../options.ts"
import type { Work } from "../run/work.ts"
import { recordPath } from "../run/frame.ts"
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

type Opened = LaneScope | "online" | undefined

/** The lane of one visit of `node`, for its items' scopes. `"online"` is kept: it ends the lane of a batch around. */
export function openLane(
  lane: Lane | undefined,
  { frame }: Work,
  { name, version }: { readonly name: string; readonly version?: string },
  visit = 0,
): Opened {
  if (lane === undefined || lane === "online") return lane
  const { journal } = frame.run
  const { note, putNote } = journal ?? {}
  const notes = note && putNote && { note: note.bind(journal), putNote: putNote.bind(journal) }
  const place = [recordPath(frame, name), visit, version ?? "", frame.params]
  return new LaneScope(lane, JSON.stringify(place), notes)
}

/** Runs the items of a batch under `lane`, which ends with them. */
export async function inLane<T>(lane: Opened, work: Work, items: () => Promise<T>): Promise<T> {
  if (!lane) return items()
  work.lane = lane
  try {
    return await items()
  } finally {
    work.lane = undefined
    await closeLane(lane, work)
  }
}

/** Every item has ended. */
export async function closeLane(lane: Opened, work: Work): Promise<void> {
  if (lane instanceof LaneScope) await lane.end(!work.signal.aborted)
}

export const lane: Check = objectOr(
  fields<Extract<Lane, object>>({ deadlineMs: needed(positive) }),
  be('"online", "batch" or { deadlineMs }', (value) => value === "online" || value === "batch"),
)
