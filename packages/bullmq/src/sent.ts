import type { WireOutcome } from "./wire-outcome.ts"

/** An item that a worker is to do. */
export interface Sent {
  readonly index: number
  readonly item: unknown
  readonly resolve: (outcome: WireOutcome, job: string) => void
  readonly reject: (error: unknown) => void
}
