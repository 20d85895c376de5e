import { LaneScope, type Lane } from "@sluice/core"
import type { CheckedRun } from "../run/checked-run.ts"

/** The batches of a run are found again by its question; without a journal that stays, one that is left is cancelled. */
export function laneScope(lane: Lane, { run, variants: [{ version }], path }: CheckedRun): LaneScope | undefined {
  if (lane === "online") return undefined
  const notes = {
    note: (name: string) => run.note(name),
    putNote: (name: string, value: unknown) => run.putNote(name, value),
  }
  return new LaneScope(lane, version, path === undefined ? undefined : notes)
}

/** Items that are with workers at a time: what Redis holds of a run. */
const workersWindow = 4_096

/** `noop:` holds no permit, so nothing else bounds it; so many share a commit well. */
const noopConcurrency = 256

/** Given as a number it bounds what is not settled, not only what is being called: so much is repeated after a kill. */
export function concurrencyOf({ lane, variants, options }: CheckedRun): number | "auto" {
  // A batch is as large as the vendor takes it.
  if (lane !== "online") return "auto"
  if (options.workers) return workersWindow
  return options.concurrency ?? (variants.every(({ model }) => model.startsWith("noop:")) ? noopConcurrency : "auto")
}
