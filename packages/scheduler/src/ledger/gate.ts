import * as tuned from "../limits/tuned.ts"

/**
 * One gate per quota. A refusal closes it for everybody until the vendor's delay has passed; then one call probes, and the number of
 * starts allowed doubles every `probeDoublingMs` after it: never a herd. Refusals of calls that had left before it closed belong to the same
 * congestion event.
 */
export class Gate {
  #closedUntilMs = -Infinity
  #closedAtMs = -Infinity
  #state: "open" | "closed" | "probing" | "doubling" = "open"
  #fromMs = 0
  #starts = 0
  #isPaced = false
  #refusalMs = 100

  get closed(): boolean {
    return this.#state === "closed"
  }

  get ramping(): boolean {
    return this.#state === "probing" || this.#state === "doubling"
  }

  get closedUntilMs(): number {
    return this.#closedUntilMs
  }

  get closedAtMs(): number {
    return this.#closedAtMs
  }

  /** Whether a refusal of a call that left at `sentMs` begins a new congestion event. */
  isNew(sentMs: number): boolean {
    return sentMs > this.#closedAtMs
  }

  /**
   * Closes until `untilMs`, or longer if it is closed longer already. Returns whether it was open. `isPaced`: a limit lets calls through
   * one by one, which are no herd, and need no probe.
   */
  close(nowMs: number, untilMs: number, sentMs: number, isPaced = false): boolean {
    this.#refusalMs += (Math.min(5_000, nowMs - sentMs) - this.#refusalMs) * 0.3
    const isNew = this.isNew(sentMs)
    const wasClosed = this.#state === "closed"
    if (isNew) {
      this.#closedAtMs = nowMs
      this.#isPaced = isPaced
    }
    this.#closedUntilMs = wasClosed ? Math.max(untilMs, this.#closedUntilMs) : untilMs
    this.#state = "closed"
    return !wasClosed
  }

  /** Milliseconds until the next start is allowed. `alone`: no request is in flight, and one call is no herd. */
  msUntil(nowMs: number, alone: boolean): number {
    if (this.#state === "open") return 0
    if (this.#state === "closed") return Math.max(0, this.#closedUntilMs - nowMs)
    if (alone) return 0
    const allowed = this.#allowed(nowMs)
    // Rounding in the exponent must not cost a step.
    if (allowed >= tuned.gateStarts || this.#starts + 1 <= allowed + 1e-9) return 0
    const steps = Math.max(0, Math.log2((this.#starts + 1) / 2))
    return Math.max(0.01, this.#doublesFromMs + tuned.probeDoublingMs * steps - nowMs)
  }

  /** A call started. Returns whether this start opened the gate: it is the probe. */
  started(nowMs: number): boolean {
    if (this.#state === "open") return false
    if (this.#state === "closed") {
      this.#state = this.#isPaced ? "open" : "probing"
      this.#fromMs = nowMs
      this.#starts = 1
      return true
    }
    this.#starts++
    if (this.#allowed(nowMs) >= tuned.gateStarts) this.#state = "open"
    return false
  }

  /** A call that left at `sentMs` ended, and was not refused. */
  answered(nowMs: number, sentMs: number): void {
    if (this.#state !== "probing" || sentMs < this.#fromMs) return
    this.#fromMs = Math.min(nowMs, this.#doublesFromMs)
    this.#state = "doubling"
  }

  /** A refusal of the probe would have come back by then; waiting for the whole answer would idle for as long as it takes. */
  get #doublesFromMs(): number {
    return this.#state === "probing" ? this.#fromMs + Math.max(tuned.backoffMs, 2 * this.#refusalMs) : this.#fromMs
  }

  #allowed(nowMs: number): number {
    const fromMs = this.#doublesFromMs
    return nowMs < fromMs ? 1 : 2 * 2 ** ((nowMs - fromMs) / tuned.probeDoublingMs)
  }
}
