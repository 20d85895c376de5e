import { type Clock, type Lane, SluiceError } from "@sluice/core"
import type { SqliteRunJournal } from "@sluice/journal"
import { z } from "zod"
import { formatDuration } from "../display/quantities.ts"
import type { Interruption } from "../run/interruption.ts"

const noteName = "deadline"
const noted = z.object({ deadlineMs: z.number(), byWallMs: z.number() })

/** What is left of a lane's deadline, which counts from the first command of the run that gave it; another one begins anew. */
export async function leftOf(lane: Lane, run: SqliteRunJournal, clock: Clock): Promise<Lane> {
  if (typeof lane === "string") return lane
  const { deadlineMs } = lane
  const nowMs = clock.wallNow()
  const before = noted.safeParse(run.note(noteName))
  if (before.success && before.data.deadlineMs === deadlineMs) {
    return { deadlineMs: Math.max(0, Math.min(deadlineMs, before.data.byWallMs - nowMs)) }
  }
  await run.putNote(noteName, { deadlineMs, byWallMs: nowMs + deadlineMs })
  return lane
}

/** Everything is done: inputs that are added later have a deadline of their own. */
export async function forgetDeadline(run: SqliteRunJournal): Promise<void> {
  await run.putNote(noteName, null)
}

/** The end of a command whose calls go online: once it has passed, nothing more is asked, and what is in flight is finished. */
export class OnlineDeadline {
  readonly #ms: number
  readonly #cancel: () => void
  #hasPassed = false

  constructor(ms: number, { clock, interruption }: { readonly clock: Clock; readonly interruption: Interruption }) {
    this.#ms = ms
    this.#cancel = clock.setTimer(ms, () => {
      // Somebody has ended it already.
      if (interruption.drain.aborted) return
      this.#hasPassed = true
      interruption.finish()
    })
  }

  /** Why the command ended early; `undefined` where it was not for the deadline. */
  get reason(): SluiceError | undefined {
    if (!this.#hasPassed) return undefined
    return new SluiceError(
      "deadline-unreachable",
      `the ${formatDuration(this.#ms)} of --deadline have passed. What is open stays open.`,
    )
  }

  end(): void {
    this.#cancel()
  }
}

/** In the lanes of batches the deadline says when what is missing goes online; see `leftOf`. */
export function onlineDeadline(
  { lane, deadlineMs }: { readonly lane: Lane; readonly deadlineMs: number | undefined },
  ending: { readonly clock: Clock; readonly interruption: Interruption },
): OnlineDeadline | undefined {
  return lane === "online" && deadlineMs !== undefined ? new OnlineDeadline(deadlineMs, ending) : undefined
}
