import type { SluiceEvent } from "sluice/core"

/** What the calls of a run came to, as this side saw it. */
export class RunTotals {
  calls = 0
  attempts = 0
  refused = 0
  inputTokens = 0
  outputTokens = 0

  observe(event: SluiceEvent): void {
    if (event.type === "http-attempt") {
      this.attempts++
      if (event.attempt === 1) this.calls++
      if (event.status === 429 || event.status === 529) this.refused++
    }
    // The run tells usage too, for each item; the fetch's word is the one with the model.
    if (event.type === "usage" && event.model !== undefined) {
      this.inputTokens += event.cost.inputTokens ?? 0
      this.outputTokens += event.cost.outputTokens ?? 0
    }
  }
}
