import { type SluiceEvent, SluiceError } from "@sluice/core"
import { formatUsd } from "../display/quantities.ts"
import type { Interruption } from "../run/interruption.ts"

/**
 * The budget of several models together: each quota keeps it for its own model, and once they have spent it in sum nothing more
 * is asked. What is in flight by then is paid beyond it.
 */
export class SharedBudget {
  readonly #budgetUsd: number
  readonly #interruption: Interruption
  #usd = 0
  /** Why the command ended early; `undefined` where it was not for the budget. */
  reason: SluiceError | undefined

  constructor(budgetUsd: number, interruption: Interruption) {
    this.#budgetUsd = budgetUsd
    this.#interruption = interruption
  }

  readonly observe = (event: SluiceEvent): void => {
    if (event.type !== "usage") return
    this.#usd += event.cost.usd ?? 0
    if (this.#usd < this.#budgetUsd || this.#interruption.drain.aborted) return
    this.reason = new SluiceError(
      "budget-exhausted",
      `the models together have spent ${formatUsd(this.#usd)} of the budget of ${formatUsd(this.#budgetUsd)}. What is open stays open.`,
    )
    this.#interruption.finish()
  }
}
