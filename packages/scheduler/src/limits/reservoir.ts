import type { Budget, Dimension } from "./budget.ts"

/**
 * A finite total that never refills: a budget of dollars. An amount that does not fit waits while calls in flight may
 * still give back; the quota fails it when nothing is in flight.
 *
 * @example
 * ```ts
 * const budget = new Reservoir("budgetUsd", "usd", 5)
 * budget.take(0, 4.5)
 * budget.msUntil(0, 1) // => Infinity
 * ```
 */
export class Reservoir implements Budget {
  readonly name: string
  readonly dimension: Dimension
  #total: number
  #used = 0

  constructor(name: string, dimension: Dimension, total: number) {
    this.name = name
    this.dimension = dimension
    this.#total = total
  }

  level(): number {
    return this.#total - this.#used
  }

  msUntil(_nowMs: number, amount: number): number {
    return amount <= this.level() + 1e-9 ? 0 : Infinity
  }

  take(_nowMs: number, amount: number): void {
    this.#used += amount
  }

  give(_nowMs: number, amount: number): void {
    this.#used -= amount
  }

  largest(): number {
    return this.#total
  }

  weighMs(): number {
    return 0
  }

  retune(total: number): void {
    this.#total = total
  }
}
