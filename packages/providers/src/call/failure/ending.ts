import { SluiceError } from "@sluice/core"
import { AttemptFailure } from "./attempt-failure.ts"
import { refusesAccount } from "./verdict.ts"

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
  const { kind } = error.verdict
  if (kind === "retry") return "overloaded"
  if (kind === "wait" || kind === "reduce") return "throttled"
  return refusesAccount(error.verdict) ? "fatal" : "final"
}

/** The last error in a word, for who listens. Never its message: those quote what they please. */
export function endCode(error: unknown): string {
  if (error === accountRefused) return "account-refused"
  if (error instanceof AttemptFailure) return error.verdict.code
  return SluiceError.isInstance(error) ? error.code : error instanceof Error ? error.name : "error"
}
