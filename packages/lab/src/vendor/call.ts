/** One call as the vendor sees it. */
export interface VendorCall {
  /** Names the piece of work: answering it twice counts as a repeat, and its luck is its own. */
  readonly id?: string
  readonly key?: string
  readonly inputTokens: number
  /** What the model would say in full; `maxTokens` cuts it. */
  readonly outputTokens: number
  readonly maxTokens?: number
}
