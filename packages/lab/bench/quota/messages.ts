import type { SluiceEvent } from "@sluice/core"
import type { VendorStats } from "../../src/index.ts"
import type { Scale } from "./bench-scenario.ts"

/** What the referee orders from the processes that it starts. */
export interface Order {
  readonly scenario: string
  readonly scale: Scale
  readonly contestant: string
  /** Of the vendor; contestants only. */
  readonly url?: string
}

export interface VendorReady {
  readonly url: string
  /** Epoch milliseconds at which the vendor's clock stood at 0. */
  readonly startedAt: number
}

/** What the vendor had counted at a moment of its own time. */
export interface Sample {
  readonly atMs: number
  /** Of all answers so far, input and output. */
  readonly tokens: number
  readonly refused: number
}

export type VendorWord =
  | { readonly ready: VendorReady }
  | { readonly stats: VendorStats; readonly timeline: readonly Sample[] }

/** What a contestant's process says of itself when it is done. */
export interface ContestantReport {
  /** From the first call until the last answer was in hand. */
  readonly timeMs: number
  readonly answered: number
  /** Errors by message, most frequent first. */
  readonly errors: readonly (readonly [string, number])[]
  readonly peakRssBytes: number
  /** Memory before the first call: Node and the libraries. */
  readonly idleRssBytes: number
  readonly cpuSeconds: number
  /** How late its timers were, in all but one of a hundred cases: what it waited for the processor. */
  readonly lateMs: number
  /** Events of our own quota by type; of the others nothing. */
  readonly events: Readonly<Record<string, number>>
  /** Our own quota's changes of mind: the first of them, in order. */
  readonly trace: readonly SluiceEvent[]
}
