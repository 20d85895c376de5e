import { recordPath } from "../run/frame.ts"
import type { Work } from "../scope/work.ts"
import { type Lane, LaneScope } from "./lane.ts"

type OpenedLane = LaneScope | "online" | undefined

/** The lane of one visit of `node`, for its items' scopes. `"online"` is kept: it ends the lane of a batch around. */
export function openLane(
  lane: Lane | undefined,
  { frame }: Work,
  { name, version }: { readonly name: string; readonly version?: string },
  visit = 0,
): OpenedLane {
  if (lane === undefined || lane === "online") return lane
  const { journal } = frame.run
  const { note, putNote } = journal ?? {}
  const notes = note && putNote && { note: note.bind(journal), putNote: putNote.bind(journal) }
  const place = [recordPath(frame, name), visit, version ?? "", frame.params]
  return new LaneScope(lane, JSON.stringify(place), notes)
}

/** Runs the items of a batch under `lane`, which ends with them. */
export async function inLane<T>(lane: OpenedLane, work: Work, items: () => Promise<T>): Promise<T> {
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
export async function closeLane(lane: OpenedLane, work: Work): Promise<void> {
  if (lane instanceof LaneScope) await lane.end(!work.signal.aborted)
}
