import type { Clock } from "@sluice/core"
import type { SqliteJournal, SqliteRunJournal } from "@sluice/journal"
import { z } from "zod"
import type { FrameState } from "../display/frame-state.ts"

/** A frame of a run's display as its journal keeps it, for others to see. */
export interface KeptFrame {
  readonly atMs: number
  readonly state: FrameState
}

const note = "display"
/** Often enough to be followed; less than what the journal writes anyway. */
export const keepEveryMs = 2_000

const count = z.number().nonnegative()
const state: z.ZodType<FrameState> = z.object({
  title: z.string(),
  unit: z.string(),
  total: count.optional(),
  succeeded: count,
  failed: count,
  inFlight: z.number(),
  elapsedMs: count,
  etaMs: count.optional(),
  etaRangeMs: z.tuple([count, count]).optional(),
  calls: z.object({
    inFlight: count,
    isRemote: z.boolean().optional(),
    retried: count,
    throttled: count,
    cut: count.optional(),
  }),
  waiting: z.array(z.object({ reason: z.string(), calls: count, nextInMs: z.number().optional() })),
  gate: z.object({ reason: z.string(), opensInMs: z.number().optional() }).optional(),
  batches: z
    .object({ requests: count, done: count, states: z.array(z.object({ state: z.string(), batches: count })) })
    .optional(),
  rates: z.array(z.object({ name: z.string(), perMinute: count, limitPerMinute: count.optional() })),
  costUsd: z.number().optional(),
  pausedBy: z.string().optional(),
  trouble: z.string().optional(),
  notes: z.array(z.string()),
}) as z.ZodType<FrameState>
const kept = z.object({ atMs: z.number(), state })
const controls = z.array(z.object({ at: z.string(), action: z.string(), by: z.string() }))

/** Keeps what the display shows in the journal, every two seconds, until the answer is called: then a last time. */
export function keepFrames(run: SqliteRunJournal, shown: () => FrameState, clock: Clock): () => Promise<void> {
  const keep = async (): Promise<void> => {
    // Infinity is no JSON: such a number is left out.
    const plain = JSON.parse(JSON.stringify(shown(), (_name, value: unknown) => value ?? undefined)) as FrameState
    // A journal that cannot be written ends the run at its next item.
    await run.putNote(note, { atMs: clock.wallNow(), state: plain }).catch(() => {})
  }
  let cancel = (): void => {}
  const tick = (): void => {
    void keep()
    cancel = clock.setTimer(keepEveryMs, tick)
  }
  tick()
  return async () => {
    cancel()
    await keep()
  }
}

/** What an earlier command has shown says nothing of the one that begins: it may have been paused when it was killed. */
export async function forgetFrame(run: SqliteRunJournal): Promise<void> {
  if (run.note(note) !== undefined) await run.putNote(note, null)
}

/** The last one that is kept; who has paused the run is told with the time: `anna, page at 2026-11-29 11:02:33Z`. */
export function keptFrame(journal: SqliteJournal, runId: string): KeptFrame | undefined {
  const frame = kept.safeParse(journal.note(runId, note)).data
  if (frame?.state.pausedBy === undefined) return frame
  const done = controls.safeParse(journal.note(runId, "control")).data
  const pause = done?.findLast(({ action }) => action === "pause")
  if (!pause) return frame
  const pausedBy = `${pause.by} at ${pause.at.slice(0, 19).replace("T", " ")}Z`
  return { ...frame, state: { ...frame.state, pausedBy } }
}
