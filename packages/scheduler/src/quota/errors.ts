import { SluiceError } from "@sluice/core"
import { round, seconds } from "./telling/in-words.ts"

const dollars = (usd: number): string => Math.max(0, usd).toFixed(4)

const lowerBudget = "Raise budgetUsd, or lower max_tokens (without it the longest answer of the model counts)."

export function closed(quota: string): SluiceError {
  return new SluiceError("limiter-closed", `${quota} is closed and admits no more calls. Close it later.`)
}

export function oversize(
  quota: string,
  { name, amount, largest }: { name: string; amount: number; largest: number },
): SluiceError {
  const why =
    name === "budgetUsd"
      ? `may cost $${dollars(amount)}, and budgetUsd is $${dollars(largest)} in all. It was not sent. ${lowerBudget}`
      : `needs ${round(amount)} of ${name}, which allows ${round(largest)} in all, so it can never be sent. Split the input, lower max_tokens, or raise the limit.`
  return new SluiceError("cost-exceeds-limit", `${quota}: this call ${why}`, {
    details: { limit: name, amount, largest },
  })
}

export function queueFull(quota: string, maxQueue: number): SluiceError {
  return new SluiceError(
    "queue-full",
    `${quota}: ${round(maxQueue)} calls wait already (maxQueue). Use parallelMap, which waits instead, or raise maxQueue.`,
    { retryable: true, details: { maxQueue } },
  )
}

/** What blocks a call that no limit does. */
export const ahead = "the calls ahead of it"

export function deadline(quota: string, by: string, needsMs: number | undefined, maxWaitMs: number): SluiceError {
  const message =
    needsMs === undefined
      ? `${quota}: not admitted within its deadline of ${seconds(maxWaitMs)}; blocked by ${by}.`
      : `${quota}: ${by === ahead ? `behind ${ahead}` : `by ${by}`} this call is admitted in ${seconds(needsMs)} at the earliest, after its deadline of ${seconds(maxWaitMs)}.`
  const remedy = by === ahead ? "give it a higher priority" : `raise ${by}`
  return new SluiceError("deadline-unreachable", `${message} Allow more time, or ${remedy}.`, {
    retryable: true,
    details: { by, needsMs, maxWaitMs },
  })
}

export function exhausted(
  quota: string,
  why: "billing" | "daily" | "never",
  vendorSays: string | undefined,
  resetMs: number | undefined,
): SluiceError {
  const said = vendorSays ? ` The vendor says: ${vendorSays}` : ""
  const resets = resetMs === undefined ? "" : `, it resets in ${seconds(resetMs)}`
  const message = {
    billing: "the account cannot pay or may not call; waiting does not help. Check billing, spend limits and the key.",
    daily: `the day's total is used up${resets}. Run again then, or set onExhausted: "pause".`,
    never:
      "the vendor's limit for this account and model is 0; waiting does not help. Choose another model, or ask the vendor for quota.",
  }[why]
  return new SluiceError("quota-exhausted", `${quota}: ${message}${said}`, { details: { why, resetMs } })
}

export function budget(quota: string, needsUsd: number, leftUsd: number): SluiceError {
  return new SluiceError(
    "budget-exhausted",
    `${quota}: this call may cost $${dollars(needsUsd)} and $${dollars(leftUsd)} of budgetUsd is left. It was not sent. ${lowerBudget}`,
    { details: { needsUsd, leftUsd } },
  )
}

/** A call that waits for dollars which calls in flight hold: why so few run at once, and what lets more run. */
export function widenBudget(needsUsd: number, leftUsd: number): string {
  return (
    `This call may cost $${dollars(needsUsd)}, and $${dollars(leftUsd)} of budgetUsd is neither spent nor held by calls in flight. ` +
    "Each is held at its max_tokens (without it the longest answer of the model counts)."
  )
}
