/** What the display wants to know of one quota. */
export interface QuotaReading {
  readonly name: string
  /** Calls that wait for admission now, by the limit that blocks them. */
  readonly waiting: readonly { readonly reason: string; readonly calls: number }[]
  readonly inFlight: number
  readonly gate?: { readonly reason: string; readonly opensInMs?: number }
  /** Per-minute limits as they are known now. */
  readonly limits: Readonly<Partial<Record<RateDimension, number>>>
}

export type RateDimension = "requests" | "tokens" | "inputTokens" | "outputTokens"
