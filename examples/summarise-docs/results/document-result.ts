/** How one document ended. Every document of the input has exactly one. */
export interface DocumentResult {
  readonly file: string
  /** `skipped`: nothing to summarise · `failed`: the calls failed · `stopped`: the run ended before it. */
  readonly status: "ok" | "skipped" | "failed" | "stopped"
  readonly summary?: string
  /** Why there is no summary. */
  readonly reason?: string
  readonly parts?: number
  readonly inputTokens?: number
  readonly outputTokens?: number
}
