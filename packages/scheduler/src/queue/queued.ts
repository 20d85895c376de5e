import type { Cost } from "@sluice/core"

/** What the queue needs to know of one waiter. */
export interface Queued {
  readonly key: string
  readonly priority: number
  /** When it first asked: its place among those of its key and priority. */
  readonly sinceMs: number
  /** What it will take at least, however it was estimated: counted for those behind it. */
  readonly least: Cost
  /** It left by itself (abort, deadline): a tombstone, skipped when its turn comes. */
  readonly gone: boolean
}
