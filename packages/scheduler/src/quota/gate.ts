/** How long after a start a refusal would have come back: the step in which a ramp doubles. */
const stepFloorMs = 250
/** After this long a refusal would have been back: a ramp goes on by time, whether or not answers take longer. */
const longestAnswerMs = 5_000
/** A process that wakes up this much later than it meant to is busy: refusals may lie unread. */
const busyMs = 10
/** A ramp that begins with less would not double. */
const leastBase = 1
/** A ramp that allows this many starts in all has done its work. */
const rampEnd = 4_096

/**
 * One gate per quota. A refusal closes it for everybody until the vendor's delay has passed; then one call probes, and the
 * number of starts allowed since doubles every step without a refusal: never a herd.
 *
 * Refusals of calls that had left before the gate closed belong to the same episode: they may lengthen the delay, they
 * do not count again. A refusal of a call admitted after it is a new episode.
 */
export class Gate {
  #closedUntilMs = -Infinity
  #closedAtMs = -Infinity
  #rampFromMs = -Infinity
  #rampBase = Infinity
  #rampStarts = 0
  /** Starts up to which the ramp goes by time; beyond, each answer allows two more. */
  #rampByTime = Infinity
  #rampAnswers = 0
  /** When the next start of the ramp was due, as told to somebody who waits. */
  #dueMs = Infinity
  /** One call is out to see whether the vendor serves again. */
  #probing = false
  #refusalMs = 100
  #closed = false
  /** Nothing was refused yet. */
  #isFirst = true
  /** Episodes without a success between them: the exponent of the wait when the vendor names none. */
  #streak = 0

  /**
   * Starts a ramp of `base` starts, doubling every step up to `byTime` starts, then by two for each answer: far enough not to
   * idle, and not so far that a limit found too late costs a herd.
   */
  beginRamp(nowMs: number, base: number, byTime: number = Infinity): void {
    this.#rampFromMs = nowMs
    this.#rampBase = Math.max(leastBase, base)
    this.#rampByTime = byTime
    this.#rampStarts = 0
    this.#rampAnswers = 0
    this.#probing = false
  }

  /**
   * The vendor says what stands ready. A first ramp goes by time alone from here: shorter limits may stand behind its word.
   * One after a refusal has done its work: what was wrong is corrected.
   */
  hasten(): void {
    if (this.#isFirst) this.#rampByTime = Infinity
    else if (!this.#closed) this.#rampBase = Infinity
  }

  get ramping(): boolean {
    return this.#rampBase !== Infinity
  }

  get streak(): number {
    return this.#streak
  }

  get closed(): boolean {
    return this.#closed
  }

  get closedUntilMs(): number {
    return this.#closedUntilMs
  }

  get closedAtMs(): number {
    return this.#closedAtMs
  }

  /** Whether a refusal of a call that left at `admittedMs` begins a new episode. */
  isNewEpisode(admittedMs: number): boolean {
    return admittedMs > this.#closedAtMs
  }

  /** Closes until `untilMs`, or longer if it is closed longer already. Answers whether this began an episode. */
  close(nowMs: number, untilMs: number, admittedMs: number): boolean {
    const isNew = this.isNewEpisode(admittedMs)
    this.#refusalMs += (Math.min(5_000, nowMs - admittedMs) - this.#refusalMs) * 0.3
    this.#isFirst = false
    if (isNew) {
      this.#streak++
      this.#closedAtMs = nowMs
    }
    if (isNew || untilMs > this.#closedUntilMs) {
      this.#closedUntilMs = Math.max(untilMs, this.#closed ? this.#closedUntilMs : -Infinity)
      this.#closed = true
      this.beginRamp(this.#closedUntilMs, 1)
    }
    return isNew
  }

  /** A call that left at `admittedMs` was answered well. */
  passed(admittedMs: number): void {
    if (admittedMs > this.#closedAtMs) this.#streak = 0
  }

  /** A call that left at `admittedMs` ended, and was not refused. */
  answered(nowMs: number, admittedMs: number): void {
    if (admittedMs < this.#rampFromMs) return
    this.#rampAnswers++
    if (!this.#probing) return
    // The probe passed: the ramp goes on from here.
    this.#probing = false
    this.#rampFromMs = nowMs
    this.#rampBase = 2
  }

  /** Milliseconds until the next start is allowed. `alone`: no request is in flight. */
  msUntil(nowMs: number, alone: boolean = false): number {
    if (nowMs < this.#closedUntilMs) return this.#closedUntilMs - nowMs
    // Behind a gate that no call has passed yet, the first one is the probe. Nor is one call a herd, whatever came before it.
    if (this.#closed || this.#rampBase === Infinity || alone) return 0
    if (this.#probing) {
      // A refusal would have come back by then; waiting for the whole answer would idle for as long as it takes.
      const leftMs = this.#rampFromMs + this.#stepMs - nowMs
      if (leftMs > 0) return leftMs
      this.#probing = false
    }
    // A ramp begins with its first start, however long ago it was laid out.
    if (this.#rampStarts === 0) return 0
    // And stands still while the process is too busy to read refusals: what was due meanwhile must not all start at once.
    if (nowMs > this.#dueMs + busyMs) this.#rampFromMs += nowMs - this.#dueMs - busyMs
    this.#dueMs = Infinity
    const stepMs = this.#stepMs
    const byTime = this.#rampBase * 2 ** ((nowMs - this.#rampFromMs) / stepMs)
    // Where answers take this long (or nobody settles), time alone must do.
    const patienceMs = nowMs - this.#rampFromMs - longestAnswerMs
    const byAnswers = (this.#rampByTime + 2 * this.#rampAnswers) * 2 ** Math.max(0, patienceMs / 2_000)
    const allowed = Math.min(byTime, byAnswers)
    if (allowed >= rampEnd) {
      this.#rampBase = Infinity
      return 0
    }
    // Rounding in the exponent must not cost a step.
    if (this.#rampStarts + 1 <= allowed + 1e-9) return 0
    if (allowed < byTime) return patienceMs < 0 ? -patienceMs : 100
    const waitMs = Math.max(
      0.01,
      stepMs * Math.log2((this.#rampStarts + 1) / this.#rampBase) - (nowMs - this.#rampFromMs),
    )
    this.#dueMs = nowMs + waitMs
    return waitMs
  }

  /** A call started. Answers true when this start opened the gate. */
  started(nowMs: number): boolean {
    if (this.#rampStarts++ === 0) this.#rampFromMs = nowMs
    if (!this.#closed) return false
    this.#closed = false
    this.#probing = true
    this.#rampFromMs = nowMs
    return true
  }

  get #stepMs(): number {
    return Math.max(stepFloorMs, 2 * this.#refusalMs)
  }
}
