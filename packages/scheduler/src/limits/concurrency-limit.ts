import type { Budget } from "./budget.ts"

/**
 * A semaphore's count: at most `limit` calls run now. Lowering the limit stops nothing that runs.
 *
 * @example
 * ```ts
 * const slots = new ConcurrencyLimit(1)
 * slots.take()
 * slots.msUntil() // => Infinity
 * ```
 */
export class ConcurrencyLimit implements Budget {
  readonly name = "concurrency"
  readonly dimension = "concurrency"
  #limit: number
  #running = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get limit(): number {
    return this.#limit
  }

  get running(): number {
    return this.#running
  }

  level(): number {
    return this.#limit - this.#running
  }

  msUntil(): number {
    return this.#running < this.#limit ? 0 : Infinity
  }

  take(): void {
    this.#running++
  }

  give(): void {
    this.#running--
  }

  largest(): number {
    return 1
  }

  weighMs(): number {
    return 0
  }

  retune(limit: number): void {
    this.#limit = limit
  }
}
