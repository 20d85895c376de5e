/** What the queue needs to know of one waiter. */
export interface Queued {
  readonly key: string
  readonly priority: number
  /** When it first asked: its place among those of its key and priority. */
  readonly sinceMs: number
  /** It left by itself (abort, deadline): a tombstone, skipped when its turn comes. */
  readonly gone: boolean
}
