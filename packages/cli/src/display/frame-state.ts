import type { WaitingReason } from "./quota-reading.ts"

/** Everything one frame of the display shows; plain data, so that a frame is a pure function of it. */
export interface FrameState {
  /** What runs, in a few words: `summarise-docs with gpt-5-mini`. */
  readonly title: string
  /** What is counted, singular: `document`. */
  readonly unit: string
  /** How many there will be, when that is known. */
  readonly total?: number
  readonly succeeded: number
  readonly failed: number
  /** Items that have begun and not ended. */
  readonly inFlight: number
  readonly elapsedMs: number
  /** By the pace of the last half minute, and no sooner than the limits let what is left through. */
  readonly etaMs?: number
  /** Between what it is by the luckiest and by the unluckiest reading of the pace so far. */
  readonly etaRangeMs?: readonly [low: number, high: number]
  readonly calls: {
    /** Calls that hold a permit now; or those that workers are at. */
    readonly inFlight: number
    readonly isRemote?: boolean
    readonly retried: number
    /** Refusals by the vendor: 429, 529. */
    readonly throttled: number
    /** Answers that were cut by their length. */
    readonly cut?: number
  }
  /** Calls that wait for admission and the limit that each waits for, most waiters first. */
  readonly waiting: readonly WaitingReason[]
  readonly gate?: { readonly reason: string; readonly opensInMs?: number }
  /** What lies in vendors' batches, when there are any: requests of those that go on, and all batches by state. */
  readonly batches?:
    | {
        readonly requests: number
        readonly done: number
        readonly states: readonly { readonly state: string; readonly batches: number }[]
      }
    | undefined
  readonly rates: readonly {
    /** `requests`, `tokens`, … */
    readonly name: string
    /** Of the last seconds, as much as was sent: a burst is above the limit. */
    readonly perMinute: number
    /** The quota, when it is known. */
    readonly limitPerMinute?: number
  }[]
  readonly costUsd?: number
  /** Who has paused the run, if it is paused: `anna, page`. */
  readonly pausedBy?: string
  /** What the keys do now, in a line. */
  readonly keys?: string
  /** How the last call ended, where it did not end well: `no answer (connection)`, `503 (overloaded)`. */
  readonly trouble?: string
  /** The latest errors and warnings, oldest first. */
  readonly notes: readonly string[]
}
