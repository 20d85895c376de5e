import type { Feedback, Latency, Settlement } from "@sluice/core"
import { chargedFor, chargedUncounted, type Counted, isPlausible, likelyUsage } from "../../accounts/accounting.ts"
import { unlessItThrows } from "../../vendors/unless-it-throws.ts"
import type { VendorAnswer, Usage, Vendor, Verdict } from "../../vendors/vendor.ts"
import type { CallAttemptEnd, CallAttempt, Exhausted } from "./attempt.ts"
import { AttemptFailure } from "../failure/attempt-failure.ts"
import { okVerdict, refusesAccount, verdictOn } from "../failure/verdict.ts"
import type { PreparedCall } from "../prepared-call.ts"

/** The end of an answer that came: what it cost, and what the vendor said about its limits. */
export function endOfAnswer(
  { prepared, context, estimate }: CallAttempt,
  answer: VendorAnswer,
  usage: Usage | undefined,
  latency: Latency,
  how: Counted = "counted",
): CallAttemptEnd {
  const feedback = unlessItThrows(() => prepared.vendor.feedback(answer, okVerdict, context.clock.wallNow()))
  const heard = feedback?.limits ? { limits: feedback.limits } : {}
  if (!usage || !isPlausible(usage)) {
    // Some embeddings and local servers do not count: the estimate stands, in the quota and in the accounts.
    const actual = chargedUncounted(prepared, estimate) ?? estimate
    return {
      settlement: { outcome: "success", actual, ...heard, latency },
      used: { usage: likelyUsage(prepared), how: "unknown" },
    }
  }
  return {
    settlement: {
      outcome: "success",
      actual: chargedFor(prepared, estimate, usage, true),
      ...heard,
      latency: { ...latency, outputTokens: usage.outputTokens },
    },
    used: { usage, how: usage.isDoubtful ? "guessed" : how },
  }
}

/** The end of an attempt that broke off: what it has cost nobody knows. */
export function endUncounted({ prepared, estimate }: CallAttempt, outcome: "failed" | "ignored"): CallAttemptEnd {
  return { settlement: { outcome, actual: chargedUncounted(prepared, estimate) } }
}

/** The end of an attempt that the vendor refused or failed; `bytes` are those of the `response`, where the caller may get it. */
export function endOfFailure(
  { prepared, context }: CallAttempt,
  answer: VendorAnswer,
  response?: Response,
  bytes?: Uint8Array<ArrayBuffer>,
): { readonly failure: AttemptFailure; readonly end: CallAttemptEnd } {
  const { vendor, hide } = prepared
  const { verdict, feedback, what, end: settlement } = readFailure(vendor, answer, context.clock.wallNow(), hide)
  const exhausted = response && bytes && what ? { exhausted: { what, response, bytes } } : {}
  const failure = new AttemptFailure(verdict, response, what === "credential" || what === "model" ? {} : feedback)
  return { failure, end: { settlement, ...exhausted } }
}

/** What a failed answer means, what of it is told to the quota, and what is of no use any more. */
export interface ReadFailure {
  readonly verdict: Verdict
  readonly feedback: Feedback
  readonly what: Exhausted | undefined
  readonly end: Settlement
}

/** Reads a failed answer; `hide` blanks out credentials in what is told of it. */
export function readFailure(
  vendor: Vendor,
  answer: VendorAnswer,
  nowWallMs: number,
  hide: PreparedCall["hide"] = (text) => text,
): ReadFailure {
  const verdict = hidden(unlessItThrows(() => vendor.classify(answer)) ?? byStatus(answer.status), hide)
  const feedback = unlessItThrows(() => vendor.feedback(answer, verdict, nowWallMs)) ?? {}
  const what = exhaustedBy(answer, verdict, feedback)
  // Another token of the same account may be good, and another model under the same limit: the quota goes on.
  const goesOn = what === "credential" || what === "model"
  const end: Settlement = goesOn
    ? { outcome: "ignored", actual: { requests: 1 } }
    : endOf(verdict, feedback, answer.status)
  return { verdict, feedback, what, end }
}

/** Vendors echo keys in messages, and some in codes. */
function hidden(verdict: Verdict, hide: PreparedCall["hide"]): Verdict {
  return { ...verdict, code: hide(verdict.code).slice(0, longestCode), message: hide(verdict.message) }
}

const longestCode = 100

/** What a refused call says about the limits: a no, a server that is down, or nothing. */
function endOf(verdict: Verdict, { refusal, ...heard }: Feedback, status: number): Settlement {
  const actual = { requests: 1 }
  const isNo = verdict.kind === "wait" || verdict.kind === "reduce" || refusesAccount(verdict)
  if (isNo || refusal) return { outcome: "throttled", actual, reason: "rate", ...refusal, ...heard }
  if (status < 500) return { outcome: "ignored", actual }
  const { retryAfterMs } = heard
  return { outcome: "failed", actual, ...(retryAfterMs !== undefined && { retryAfterMs }) }
}

function exhaustedBy(
  { status }: VendorAnswer,
  { code }: Verdict,
  { refusal, limits }: Feedback,
): Exhausted | undefined {
  // "Never": this model is not for this account.
  if (refusal && limits?.some(({ limit }) => limit === 0)) return "model"
  if (refusal?.reason === "daily") return "quota"
  if (refusal?.reason !== "billing") return undefined
  return status === 401 || code === "API_KEY_INVALID" ? "credential" : "account"
}

function byStatus(status: number): Verdict {
  const verdict = verdictOn(`http-${status}`, "")
  return status === 429 ? verdict("wait") : status >= 500 ? verdict("retry") : verdict("fatal", "request")
}
