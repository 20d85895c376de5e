import type { Cost } from "../cost.ts"

/** What identifies one run of a sub-flow, e.g. `{ filename: "a.md" }`. Merged parent-first, frozen. */
export type Params = Readonly<Record<string, unknown>>

/** What `prep` and `post` get beside their values. */
export interface NodeContext<P = Params> {
  readonly params: P
  /** Aborted when the run is cancelled. */
  readonly signal: AbortSignal
  /** Reports what this work cost, as a `usage` event of its span. */
  readonly spend: (cost: Cost) => void
  /** Emits a `log` event: visible to whoever listens, silent otherwise. */
  readonly log: (message: string, data?: unknown) => void
}

/** What `exec` and `fallback` get beside the prepared value or item. */
export interface ItemContext<P = Params> extends NodeContext<P> {
  /** Position in the source; 0 in a step. */
  readonly index: number
  /** 1-based. */
  readonly attempt: number
  /** Aborted when the run is cancelled, when the batch stops, and by this attempt's `timeoutMs`. */
  readonly signal: AbortSignal
}
