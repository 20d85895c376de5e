import * as tuned from "../limits/tuned.ts"

/** What one more refusal for want of capacity means: bad luck, a limit of calls at once that is too high, or one more of a burst. */
export type Crowd = "luck" | "crowded" | "burst"

/**
 * Refusals for want of capacity, of which there are three kinds: bad luck, which needs no answer but another attempt; places that
 * are all taken, which bound how many may run; and a server that is down, which refuses also a call that is alone.
 *
 * @example
 * ```ts
 * const crowding = new Crowding()
 * crowding.judge(960, false) // => "luck"
 * ```
 */
export class Crowding {
  #starts = 0
  #refused = 0
  #failed = 0
  #troubleMs = Infinity
  #cutMs = -Infinity
  #isDown = false
  /** Refusals in a row, each of the first call to leave after the one before was heard; and when the next such call left. */
  #row = 0
  #firstMs = -Infinity
  /** The most that ran lately and were served, and when. */
  #most = 0
  #mostMs = -Infinity
  /** The most of those that left since the trouble began and were served. */
  #mostInTrouble = 0
  /** Starts while far fewer than that ran, and those of them that were refused: no want of places explains these. */
  #fewStarts = 0
  #fewRefused = 0
  /** Refusals after the last cut of calls that left within it, as long as starts are counted: no step up explains these. */
  #within = 0

  /** The share of starts that are refused however few run. */
  get background(): number {
    return this.#fewStarts < tuned.fewestStarts ? 0 : this.#fewRefused / this.#fewStarts
  }

  /** A call leaves; `running` are in flight. */
  started(nowMs: number, running: number): void {
    if (this.#firstMs === Infinity) this.#firstMs = nowMs
    if (this.#areFew(running) && ++this.#fewStarts > tuned.starts) {
      this.#fewStarts /= 2
      this.#fewRefused /= 2
    }
    if (++this.#starts <= Math.max(tuned.starts, 2 * running)) return
    this.#starts /= 2
    this.#refused /= 2
    this.#failed /= 2
    this.#within /= 2
  }

  #areFew(running: number): boolean {
    return running < this.#mostInTrouble * tuned.nearlyAll
  }

  /** A call failed, for whatever reason of the server's. Returns whether that is more than bad luck. */
  failed(): boolean {
    return this.#share(++this.#failed) - this.background >= tuned.luck
  }

  /** What a refusal now of a call that left at `sentMs` means; `isStep`: the last step up of the limit may have been one too many. */
  judge(sentMs: number, isStep: boolean): Crowd {
    // Where starts are refused also without a step, one more says nothing of it.
    if (isStep && sentMs > this.#cutMs && this.#within < 2 && this.background < tuned.luck / 2) return "crowded"
    if (this.#share(this.#refused + 1) - this.background < tuned.luck) return "luck"
    return sentMs <= this.#cutMs ? "burst" : "crowded"
  }

  /** Whether a refusal can mean places at all: not where more ran lately and were served. */
  mayBeShort(nowMs: number, running: number): boolean {
    if (running === 0) return false
    return nowMs - this.#mostMs > tuned.trustMs || running + 1 >= this.#most * tuned.nearlyAll
  }

  /** Whether one call after the other was refused, so often that neither luck nor places explain it: there fewer run each time. */
  isRow(sentMs: number): boolean {
    return this.rowWith(sentMs) >= tuned.fewCalls
  }

  /** How many calls in a row, with this one, were refused, each the first to leave after the one before. */
  rowWith(sentMs: number): number {
    if (sentMs === this.#firstMs) return this.#row + 1
    // That of the first would have been back: it was let through.
    return sentMs - this.#firstMs > tuned.orderMs ? 1 : this.#row
  }

  /** A call that left at `sentMs` was refused while `running` others ran. `isWithin`: no more than may run. */
  refused(nowMs: number, sentMs: number, crowd: Crowd, running: number, isWithin = false): void {
    this.#refused++
    if (isWithin && crowd === "luck" && sentMs > this.#cutMs && this.#cutMs > -Infinity) this.#within++
    const row = this.rowWith(sentMs)
    if (row !== this.#row || sentMs - this.#firstMs > tuned.orderMs) this.#firstMs = Infinity
    this.#row = row
    if (this.#areFew(running + 1)) this.#fewRefused++
    if (crowd === "luck") return
    if (this.#troubleMs === Infinity) {
      this.#troubleMs = nowMs
      this.#mostInTrouble = 0
    }
    if (running === 0) this.#isDown = true
    if (crowd === "crowded") this.#cutMs = nowMs
  }

  /** A call that left at `sentMs` as one of `inFlight` was served. True: what looked like places that are taken was a server that was down. */
  served(nowMs: number, sentMs: number, inFlight: number): boolean {
    if (inFlight >= this.#most || nowMs - this.#mostMs > tuned.trustMs) {
      this.#most = inFlight
      this.#mostMs = nowMs
    }
    if (this.#troubleMs === Infinity) return false
    if (sentMs > this.#troubleMs) this.#mostInTrouble = Math.max(this.#mostInTrouble, inFlight)
    const isBack = this.#isDown && sentMs > this.#troubleMs
    if (isBack) this.#refused = this.#failed = 0
    if (isBack || this.#share(this.#refused) < tuned.luck / 2) {
      this.#troubleMs = Infinity
      this.#isDown = false
    }
    return isBack
  }

  /** How often starts were refused, with one refusal that is about to be counted. */
  withOneMore(): { readonly refused: number; readonly starts: number; readonly isMany: boolean } {
    const refused = this.#refused + 1
    const isMany = this.#share(refused) >= tuned.luck
    return { refused: Math.round(refused), starts: Math.max(Math.ceil(refused), Math.round(this.#starts)), isMany }
  }

  #share(count: number): number {
    return count / Math.max(tuned.fewestStarts, this.#starts)
  }
}
