import { type AdmitOptions, type Cost, Scope, type SluiceError } from "@sluice/core"
import { wrongName } from "@sluice/core/internal"

const amounts = { requests: 1, inputTokens: 1, outputTokens: 1, usd: 1 }
const options = { signal: 1, priority: 1, tenant: 1, certain: 1, maxWaitMs: 1, place: 1, since: 1 }

/**
 * What is wrong with the names of what a limiter is asked, at every call: those of options, and of a cost that has none of its amounts.
 * To look through every cost would take a twentieth of the call.
 */
export function wrongAsk(cost: Cost, asked: AdmitOptions | undefined): SluiceError | undefined {
  const isNothing = (cost.requests ?? cost.inputTokens ?? cost.outputTokens ?? cost.usd) === undefined
  const wrong = isNothing ? wrongName("admit's cost", cost, amounts) : undefined
  // An executor asks with the item's scope itself.
  return wrong ?? (asked instanceof Scope ? undefined : wrongName("admit", asked, options))
}
