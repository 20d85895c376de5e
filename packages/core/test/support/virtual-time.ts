import type { Clock } from "@sluice/core"

interface Timer {
  readonly at: number
  readonly order: number
  readonly fire: () => void
}

/** A clock that only moves when everything else has come to rest. */
export class VirtualTime implements Clock {
  #now = 0
  #order = 0
  #timers: Timer[] = []

  now(): number {
    return this.#now
  }

  wallNow(): number {
    return 1_700_000_000_000 + this.#now
  }

  setTimer(delayMs: number, fn: () => void): () => void {
    const timer: Timer = { at: this.#now + delayMs, order: this.#order++, fire: fn }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer)
    }
  }

  get pendingTimers(): number {
    return this.#timers.length
  }

  /** Resolves after `delayMs`, or rejects at once with the reason of `signal`. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        cancel()
        reject(signal?.reason)
      }
      const cancel = this.setTimer(delayMs, () => {
        signal?.removeEventListener("abort", onAbort)
        resolve()
      })
      if (signal?.aborted) onAbort()
      else signal?.addEventListener("abort", onAbort, { once: true })
    })
  }

  /** Moves time on until `promise` has settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let done = false
    const settled = promise.finally(() => (done = true))
    settled.catch(() => {})
    for (;;) {
      await new Promise((resolve) => void setImmediate(resolve))
      if (done) return settled
      const next = this.#timers.toSorted((a, b) => a.at - b.at || a.order - b.order)[0]
      if (!next) throw new Error("deadlock: nothing runs and no timer is set")
      this.#timers = this.#timers.filter((each) => each !== next)
      this.#now = Math.max(this.#now, next.at)
      next.fire()
    }
  }
}
