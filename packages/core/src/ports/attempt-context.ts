/** What an attempt at an item gets beside the item. */
export interface AttemptContext {
  readonly index: number
  /** 1-based. */
  readonly attempt: number
  /** Aborted by the run's cancel, by `onError: "stop"`, and by this attempt's `timeoutMs`. */
  readonly signal: AbortSignal
}
