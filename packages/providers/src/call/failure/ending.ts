import { SluiceError } from "@sluice/core"
import { AttemptFailure } from "./attempt-failure.ts"

/**
 * How a call ended: `answered` · `throttled`: told to wait, longer than it may · `fatal`: waiting does not help, for this
 * account or model · `overloaded`: no capacity, connection or answer in time · `final`: the request itself is at fault.
 */
export type Ending = "answered" | "throttled" | "fatal" | "overloaded" | "final"

/** Thrown inside a call whose account was refused meanwhile; never seen outside. */
export const accountRefused: Error = new Error("the account was refused")

const waitsTooLong = new Set<string>(["deadline-unreachable", "queue-full"])
const usedUp = new Set<string>(["quota-exhausted", "budget-exhausted"])

/** What a call's last error makes of it. */
export function endingOf(error: unknown, otherwise: Ending = "final"): Ending {
  if (error === accountRefused) return "fatal"
  if (SluiceError.isInstance(error)) {
    return waitsTooLong.has(error.code) ? "throttled" : usedUp.has(error.code) ? "fatal" : "final"
  }
  if (!(error instanceof AttemptFailure)) return otherwise
  const { kind, scope } = error.verdict
  if (kind === "retry") return "overloaded"
  if (kind === "wait" || kind === "reduce") return "throttled"
  return kind === "fatal" && scope === "account" ? "fatal" : "final"
}
