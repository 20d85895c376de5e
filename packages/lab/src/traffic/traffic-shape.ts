import type { Size } from "../scenarios/scenario.ts"

/**
 * When calls are asked for.
 * - `workers`: a closed loop; each worker asks for its next call when its last one has ended, after thinking for `thinkMs` on
 *   average (exponential, default 0), and after every `pause.everyCalls` calls of its own for `pause.ms` more
 * - `poisson`: a trickle, at this mean rate whatever becomes of it
 * - `bursts`: `size` calls at once, again every `everyMs`; a batch is one burst
 */
export type Arrivals =
  | {
      readonly kind: "workers"
      readonly workers: number
      readonly thinkMs?: number
      readonly pause?: { readonly everyCalls: number; readonly ms: number }
    }
  | { readonly kind: "poisson"; readonly perMinute: number }
  | { readonly kind: "bursts"; readonly size: number; readonly everyMs: number }

/** Calls of one sort. */
export interface TrafficStream {
  readonly calls: number
  readonly arrivals: Arrivals
  readonly inputTokens: Size
  readonly outputTokens: Size
  /** Sent along by every call. */
  readonly maxTokens?: number
  /** Default 0: from the start. */
  readonly fromMs?: number
  /** Higher goes first. Default 0. */
  readonly priority?: number
  /** Whose queue the calls wait in. */
  readonly tenant?: string
  /** What a call is believed to take, over what it takes. Default 1. */
  readonly estimate?: number
  /** This share of the calls, 0–1, is given up at a moment within `withinMs` of being asked for. */
  readonly aborted?: { readonly share: number; readonly withinMs: number }
}

/** A workload in time: streams side by side. Plain data. */
export interface TrafficShape {
  readonly name: string
  readonly streams: readonly TrafficStream[]
}
