import type { Clock, Lane } from "@sluice/core"
import type { SqliteRunJournal } from "@sluice/journal"
import { z } from "zod"

const name = "deadline"
const noted = z.object({ deadlineMs: z.number(), byWallMs: z.number() })

/** What is left of a lane's deadline, which counts from the first command of the run that gave it; another one begins anew. */
export async function leftOf(lane: Lane, run: SqliteRunJournal, clock: Clock): Promise<Lane> {
  if (typeof lane === "string") return lane
  const { deadlineMs } = lane
  const nowMs = clock.wallNow()
  const before = noted.safeParse(run.note(name))
  if (before.success && before.data.deadlineMs === deadlineMs) {
    return { deadlineMs: Math.max(0, Math.min(deadlineMs, before.data.byWallMs - nowMs)) }
  }
  await run.putNote(name, { deadlineMs, byWallMs: nowMs + deadlineMs })
  return lane
}

/** Everything is done: inputs that are added later have a deadline of their own. */
export async function forgetDeadline(run: SqliteRunJournal): Promise<void> {
  await run.putNote(name, null)
}
