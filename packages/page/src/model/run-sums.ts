/** What the items of a run took in all. */
export interface RunSums {
  readonly settled: number
  readonly calls: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly usd: number | undefined
}
