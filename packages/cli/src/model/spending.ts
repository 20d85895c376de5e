import type { SluiceEvent } from "@sluice/core"

/** What a run has spent, as far as prices are known, and what came by vendors' batches. */
export class Spending {
  #usd: number | undefined
  #batchUsd: number | undefined
  #batchAnswers = 0

  observe(event: SluiceEvent): void {
    if (event.type !== "usage") return
    const { usd } = event.cost
    if (usd !== undefined) this.#usd = (this.#usd ?? 0) + usd
    if (event.lane !== "batch") return
    this.#batchAnswers++
    if (usd !== undefined) this.#batchUsd = (this.#batchUsd ?? 0) + usd
  }

  get total(): { readonly usd?: number; readonly batchUsd?: number; readonly batchAnswers: number } {
    return {
      ...(this.#usd !== undefined && { usd: this.#usd }),
      ...(this.#batchUsd !== undefined && { batchUsd: this.#batchUsd }),
      batchAnswers: this.#batchAnswers,
    }
  }
}
