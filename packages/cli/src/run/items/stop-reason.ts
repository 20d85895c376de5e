import { SluiceError, type SluiceErrorCode } from "@sluice/core"
import { countOf, formatUsd } from "../../display/quantities.ts"
import { usageError } from "../../usage-error.ts"

const stopping = new Set<SluiceErrorCode>(["budget-exhausted", "quota-exhausted", "limiter-closed"])

/**
 * The budget, quota or account that an error comes from, however deep: then no other item can do better. `refusal` is
 * what the vendor said of the account, if it did.
 */
export function stopReason(error: unknown, refusal: string | undefined): SluiceError | undefined {
  const headers = (error as { responseHeaders?: Readonly<Record<string, string>> } | null)?.responseHeaders
  if (refusal !== undefined || headers?.["x-sluice-code"] === "quota-exhausted") {
    const said = (error as { message?: string }).message ?? ""
    return new SluiceError("quota-exhausted", `the vendor refuses this account (${refusal ?? said}): ${said}`, {
      cause: error,
    })
  }
  for (let at = error; typeof at === "object" && at !== null; at = (at as { cause?: unknown }).cause) {
    if (!SluiceError.isInstance(at)) continue
    if (stopping.has(at.code)) return at
    if (at.code === "cost-exceeds-limit" && at.details["limit"] === "budgetUsd") return tooSmall(at)
  }
  return undefined
}

/** What is open stays open, and the failures are failures: `--retry-failed` asks them again. */
export function tooManyFailures(most: number): SluiceError {
  return new SluiceError("too-many-failures", `${countOf(most, "input")} failed, as many as --max-failures allows.`)
}

/** Not the call is too large but the budget too small: what it does not reach for stays open. */
function tooSmall(error: SluiceError): SluiceError {
  const { amount, largest } = error.details
  const [needs, budget] = [amount, largest].map((usd) => formatUsd(Number(usd)))
  return new SluiceError(
    "budget-exhausted",
    `one call may cost ${needs}, and the whole budget is ${budget}. It was not sent. Raise the budget, or say how long an answer may be: --max-output-tokens.`,
    { cause: error, details: { amount, largest } },
  )
}

/** Whether the same command would stop over the same call. */
export function stopsAgain(stopped: SluiceError | undefined): boolean {
  return stopped?.details["largest"] !== undefined
}

/** Before the first answer: the vendor has no such model, or no such address. */
export function unknownModel(error: unknown): SluiceError | undefined {
  if ((error as { statusCode?: unknown } | null)?.statusCode !== 404) return undefined
  const { message } = error as Error
  return usageError(
    `The server has no such model or address (404 ${message}). Check --model and --base-url; nothing counts as failed.`,
  )
}
