import type { WireOutcome } from "./wire-outcome.ts"

/** An item that a worker is to do. */
export interface Sent {
  readonly index: number
  readonly item: unknown
  /** Tells it from what was there before. */
  readonly print: string
  /** As JSON. */
  readonly bytes: number
  resolve(outcome: WireOutcome, job: string): void
  reject(error: unknown): void
}
