/** What was admitted since the last congestion event: from one to the next that is the vendor's own rate. */
export class MeasuredSpan {
  fromMs: number
  /** It began at a moment that the vendor named: exactly one call fitted then. */
  isTimed = false
  admitted = 0
  /** What would have flowed in had the bucket not been full: who was idle has measured himself, not the vendor. */
  idled = 0
  /** Calls that left, and those of them behind which others waited. */
  calls = 0
  crowded = 0
  /** The most that stood ready: a depth below this explains the next refusal. */
  peak: number = Infinity

  constructor(nowMs: number) {
    this.fromMs = nowMs
  }

  /** A call of `amount` left. */
  add(amount: number): void {
    this.admitted += amount
    this.calls++
  }

  /** Whether it began with an event: before the first, all may have stood ready. */
  get isMeasured(): boolean {
    return this.peak !== Infinity
  }

  /** So much stood ready. */
  saw(ready: number): void {
    if (ready > this.peak) this.peak = ready
  }

  begin(nowMs: number, retryAfterMs: number | undefined): void {
    this.fromMs = nowMs + (retryAfterMs ?? 0)
    this.isTimed = retryAfterMs !== undefined
    this.admitted = this.idled = this.peak = this.calls = this.crowded = 0
  }

  /** rate × span was less than this: what was admitted, what ran over and, but between two named moments, the refused call. */
  perMs(nowMs: number, amount: number, retryAfterMs: number | undefined): number {
    const isTimed = this.isTimed && retryAfterMs !== undefined
    // Whole seconds are rounded up.
    const roundedMs = isTimed && retryAfterMs % 1_000 === 0 ? 500 : 0
    const spanMs = nowMs - this.fromMs + (isTimed ? retryAfterMs - roundedMs : 0)
    return (this.admitted + this.idled + (isTimed ? 0 : amount)) / Math.max(1, spanMs)
  }
}
