import type { Cost } from "@sluice/core"
import type { Episode } from "../limits/measured-rate.ts"

const dimensions = ["requests", "tokens", "inputTokens", "outputTokens"] as const

/** What was admitted between two bursts of refusals, in every dimension a rate may have. */
export type Measured = Omit<Episode, "admitted"> & Readonly<Record<(typeof dimensions)[number], number>>

/** Counts what was admitted and not refused: from one burst of refusals to the next, that is the vendor's own rate. */
export class Episodes {
  #requests = 0
  #inputTokens = 0
  #outputTokens = 0
  #sinceMs: number
  #begun = 0

  constructor(nowMs: number) {
    this.#sinceMs = nowMs
  }

  started(cost: Cost): void {
    this.#count(cost, 1)
  }

  /** A call that left at `admittedMs` was not admitted after all. Before this episode, it was counted in the one before. */
  refused(cost: Cost, admittedMs: number): void {
    if (admittedMs > this.#sinceMs) this.#count(cost, -1)
  }

  #count(cost: Cost, sign: 1 | -1): void {
    this.#requests += sign * (cost.requests ?? 1)
    this.#inputTokens += sign * (cost.inputTokens ?? 0)
    this.#outputTokens += sign * (cost.outputTokens ?? 0)
  }

  /** A burst of refusals begins: what came before it. */
  begin(nowMs: number): Measured {
    const measured: Measured = {
      requests: this.#requests,
      inputTokens: this.#inputTokens,
      outputTokens: this.#outputTokens,
      tokens: this.#inputTokens + this.#outputTokens,
      elapsedMs: nowMs - this.#sinceMs,
      first: this.#begun++ === 0,
    }
    this.#requests = this.#inputTokens = this.#outputTokens = 0
    this.#sinceMs = nowMs
    return measured
  }
}
