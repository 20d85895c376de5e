import type { Clock } from "@sluice/core"
import { laneDefaults, type LaneOptions } from "./lane-options.ts"

export interface LaneDeadlineOptions {
  readonly options: LaneOptions
  readonly clock: Clock
  /** On `clock`, when everything has to be answered; `undefined` when there is no haste. */
  readonly deadlineAtMs?: number | undefined
  /** How long so many requests with so many input tokens would take online. */
  readonly onlineMs: (requests: number, inputTokens: number) => number
}

// A cancelled batch is over within a minute or so; a large one takes longer, and is worth more.
const leastGraceMs = 60_000
const graceShare = 0.1
// Often enough for any deadline, seldom enough to cost nothing.
const leastLookMs = 1_000

/** Watches that what is open in a lane can still go online before its deadline. */
export class LaneDeadline {
  readonly #plan: LaneDeadlineOptions
  readonly #giveUp: (graceMs: number) => void
  readonly #late = new AbortController()
  #open = 0
  #openTokens = 0
  #forget: (() => void) | undefined

  /** `giveUp`: the batches have `graceMs` left to say what they have done. */
  constructor(plan: LaneDeadlineOptions, giveUp: (graceMs: number) => void) {
    this.#plan = plan
    this.#giveUp = giveUp
  }

  /** Aborts when everything open has to go online. */
  get passed(): AbortSignal {
    return this.#late.signal
  }

  get hasPassed(): boolean {
    return this.#late.signal.aborted
  }

  get hasTimeForBatch(): boolean {
    const { leastBatchMs = laneDefaults.leastBatchMs } = this.#plan.options
    return this.#spareMs() >= leastBatchMs
  }

  /** A request is open until what this returns is called. */
  enter(tokens: number): () => void {
    this.#open++
    this.#openTokens += tokens
    this.#watch()
    return () => {
      this.#openTokens -= tokens
      if (--this.#open === 0) this.#forget?.()
    }
  }

  /** What is left for batches if everything here is still to go online in time. */
  #spareMs(): number {
    const { deadlineAtMs, clock } = this.#plan
    if (deadlineAtMs === undefined) return Infinity
    const onlineMs = this.#onlineMs()
    return deadlineAtMs - clock.now() - onlineMs - graceMs(onlineMs)
  }

  #onlineMs(): number {
    return this.#plan.onlineMs(this.#open, this.#openTokens)
  }

  #watch(): void {
    const { deadlineAtMs, clock } = this.#plan
    if (deadlineAtMs === undefined || this.#forget || this.hasPassed) return
    const look = (): void => {
      const spareMs = this.#spareMs()
      // Half the way: requests that came since make it shorter.
      if (spareMs > 0) return arm(Math.min(spareMs, Math.max(spareMs / 2, leastLookMs)))
      this.#late.abort()
      this.#giveUp(graceMs(this.#onlineMs()))
    }
    const arm = (delayMs: number): void => {
      const forget = clock.setTimer(delayMs, look)
      this.#forget = () => {
        forget()
        this.#forget = undefined
      }
    }
    arm(0)
  }
}

/** How long a cancelled batch may take to say what it has done, where all of it would take `onlineMs` online. */
function graceMs(onlineMs: number): number {
  return leastGraceMs + onlineMs * graceShare
}
