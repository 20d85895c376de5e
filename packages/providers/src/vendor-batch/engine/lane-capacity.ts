import { countInScope, type TaskScope } from "@sluice/core"
import { onAbort } from "@sluice/scheduler"

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

  /** What gives the room back, if there is room now and nobody waits for it. */
  tryEnter(tokens: number): (() => void) | undefined {
    return this.#waiting.size > 0 || !this.#fits(tokens) ? undefined : this.#take(tokens)
  }

  /** The same once there is room. An abort of one of the `signals` rejects with its reason. */
  async enter(tokens: number, scope: TaskScope | undefined, signals: AbortSignal[]): Promise<() => void> {
    countInScope(scope, "waiting", 1)
    try {
      return await this.#turn(tokens, AbortSignal.any(signals))
    } finally {
      countInScope(scope, "waiting", -1)
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

  #take(tokens: number): () => void {
    this.#requests++
    this.#tokens += tokens
    let left = false
    return () => {
      if (left) return
      left = true
      this.#requests--
      this.#tokens -= tokens
      this.#admit()
    }
  }

  #turn(tokens: number, signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const forget = onAbort(signal, () => {
        this.#waiting.delete(waiter)
        reject(signal.reason)
        this.#admit()
      })
      const enter = (): void => {
        forget()
        resolve(this.#take(tokens))
      }
      const waiter = { tokens, enter }
      this.#waiting.add(waiter)
    })
  }

  #admit(): void {
    for (const waiter of this.#waiting) {
      if (!this.#fits(waiter.tokens)) return
      this.#waiting.delete(waiter)
      waiter.enter()
    }
  }
}
