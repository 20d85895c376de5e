import { countInScope, type TaskScope } from "@sluice/core"

/** What the requests of one account and model may have enqueued at the vendor, and the queue before it: first in, first out. */
export class LaneCapacity {
  readonly #maxRequests: number
  #maxTokens: number
  #requests = 0
  #tokens = 0
  readonly #waiting = new Set<{ readonly tokens: number; readonly enter: () => void }>()

  constructor(maxRequests: number, maxTokens: number) {
    this.#maxRequests = maxRequests
    this.#maxTokens = maxTokens
  }

  /** Resolves to what gives the room back. An abort of `signal` rejects with its reason. */
  async enter(tokens: number, scope: TaskScope | undefined, signal: AbortSignal): Promise<() => void> {
    if (this.#waiting.size > 0 || !this.#fits(tokens)) {
      countInScope(scope, "waiting", 1)
      try {
        await this.#turn(tokens, signal)
      } finally {
        countInScope(scope, "waiting", -1)
      }
    } else this.#take(tokens)
    let left = false
    return () => {
      if (left) return
      left = true
      this.#requests--
      this.#tokens -= tokens
      this.#admit()
    }
  }

  /** The vendor refused this many at once: fewer from now on. */
  refused(tokens: number): void {
    this.#maxTokens = Math.min(this.#maxTokens, Math.max(1, Math.floor(tokens / 2)))
  }

  /** A request that alone exceeds the limit goes alone: the vendor has the last word. */
  #fits(tokens: number): boolean {
    if (this.#requests === 0) return true
    return this.#requests < this.#maxRequests && this.#tokens + tokens <= this.#maxTokens
  }

  #take(tokens: number): void {
    this.#requests++
    this.#tokens += tokens
  }

  #turn(tokens: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(waiter)
        reject(signal.reason)
        this.#admit()
      }
      const enter = (): void => {
        signal.removeEventListener("abort", onAbort)
        resolve()
      }
      const waiter = { tokens, enter }
      this.#waiting.add(waiter)
      signal.addEventListener("abort", onAbort, { once: true })
    })
  }

  #admit(): void {
    for (const waiter of this.#waiting) {
      if (!this.#fits(waiter.tokens)) return
      this.#take(waiter.tokens)
      this.#waiting.delete(waiter)
      waiter.enter()
    }
  }
}
