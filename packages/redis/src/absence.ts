import { Alone, type Left } from "./alone.ts"
import type { LedgerEvents } from "./ledger-events.ts"

/** What a process does that cannot reach the others for longer than a lease. */
export interface Offline {
  readonly does: "share" | "wait" | "fail"
  /** For how long the others leave its share alone. */
  readonly forMs: number
  /** The most that it may use. */
  readonly share: number
}

/** Before the others take its share back, whoever is alone has stopped. */
const marginMs = 1_000

/** Whether Redis can be reached, and what is done while it cannot. */
export class Absence {
  readonly #offline: Offline
  readonly #events: LedgerEvents
  #sinceMs: number | undefined
  /** Since when it has been told of. */
  #toldMs: number | undefined
  #alone: Alone | undefined
  #over: Alone | undefined

  constructor(offline: Offline, events: LedgerEvents) {
    this.#offline = offline
    this.#events = events
  }

  /** Lost, or refused. */
  get isTold(): boolean {
    return this.#toldMs !== undefined
  }

  get isLost(): boolean {
    return this.#sinceMs !== undefined
  }

  /** What may be started meanwhile, if anything. */
  get alone(): Alone | undefined {
    return this.#alone
  }

  get fails(): boolean {
    return this.isTold && this.#offline.does === "fail"
  }

  /** Redis says no: that is told at once. What others leave to this process is its own only when they take it to be gone. */
  refused(nowMs: number): void {
    if (this.isTold) return
    this.#toldMs = nowMs
    this.#events.refused(this.#offline.does)
  }

  /** No answer for longer than a lease; this is left to this process. Returns whether that is news. */
  lost(nowMs: number, answeredMs: number, left: Left): boolean {
    const isNews = this.#sinceMs === undefined
    const { does, forMs } = this.#offline
    const isOver = nowMs - answeredMs > forMs - marginMs
    const mine = does === "share" && !isOver ? Math.min(left.share, this.#offline.share) : 0
    if (isNews) {
      this.#sinceMs = nowMs
      if (!this.isTold || mine > 0) this.#events.lost(mine, does)
      this.#toldMs ??= nowMs
      if (mine > 0) this.#alone = new Alone(nowMs, { ...left, share: mine })
    }
    if (this.#alone && isOver) {
      this.#events.shareOver(forMs)
      this.#over = this.#alone
      this.#alone = undefined
    }
    return isNews
  }

  /** Redis answers. Returns what was started meanwhile. */
  back(nowMs: number): Alone | undefined {
    const alone = this.#alone ?? this.#over
    this.#events.back(nowMs - this.#toldMs!, alone?.calls ?? 0)
    this.#sinceMs = this.#toldMs = this.#alone = this.#over = undefined
    return alone
  }
}
