import { type AdmitOptions, type Cost, Scope, type SluiceError } from "@sluice/core"
import { wrongCost, wrongName } from "@sluice/core/internal"

const options = { signal: 1, priority: 1, tenant: 1, certain: 1, maxWaitMs: 1, place: 1, since: 1 }

/** What is wrong with what a limiter is asked, at every call: with its cost, or with the names of options. */
export function wrongAsk(cost: Cost, asked: AdmitOptions | undefined, limiter = "admit"): SluiceError | undefined {
  const wrong = wrongCost(limiter, "cost", cost)
  // An executor asks with the item's scope itself.
  if (wrong !== undefined || asked === undefined || asked instanceof Scope) return wrong
  return wrongName("admit", asked, options) ?? (asked.certain && wrongCost(limiter, "certain", asked.certain))
}
