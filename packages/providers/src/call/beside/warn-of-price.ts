import type { TaskScope } from "@sluice/core"
import type { FetchContext } from "../context.ts"
import { CallEvents } from "../telling/events.ts"

/** Tells once per model that no price of it is known, so that a budget in dollars lets all its calls pass. */
export function warnOfPrice(context: FetchContext, scope: TaskScope | undefined, model: string): void {
  new CallEvents(context, scope).warnOnce(
    "no-price",
    `budgetUsd does not count calls of ${model}, whose price is not known. State it in dollars per million tokens: prices: { "${model}": { input: 1, output: 4 } }.`,
    `no-price ${model}`,
  )
}
