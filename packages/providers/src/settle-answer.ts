import type { Feedback, SettleOutcome } from "@sluice/core"
import { AttemptFailure } from "./attempt-failure.ts"
import type { AttemptPlan } from "./send-attempt.ts"
import type { Answer, Usage, Verdict } from "./vendor.ts"
import { okVerdict } from "./verdict.ts"

/** Settles a finished call: what it cost, and what the vendor said about its limits. */
export function settleAnswer(
  plan: AttemptPlan,
  answer: Answer,
  usage: Usage | undefined,
  latency: NonNullable<Feedback["latency"]>,
): void {
  const feedback = plan.vendor.feedback(answer, okVerdict, plan.clock.wallNow())
  if (!usage) return plan.permit.settle("success", undefined, { ...feedback, latency })
  const usd = plan.onUsage(usage)
  const actual = plan.vendor.charged(plan.estimate, usage)
  plan.permit.settle("success", usd === undefined ? actual : { ...actual, usd }, {
    ...feedback,
    latency: { ...latency, outputTokens: usage.outputTokens },
  })
}

/** Settles a refused call and makes its failure. */
export function settleFailure(
  plan: AttemptPlan,
  answer: Answer,
  response?: Response,
  bytes?: Uint8Array<ArrayBuffer>,
): AttemptFailure {
  const verdict = plan.vendor.classify(answer)
  const feedback = plan.vendor.feedback(answer, verdict, plan.clock.wallNow())
  const reason = feedback.refusal?.reason
  if (response && bytes && (reason === "billing" || reason === "daily")) {
    plan.onExhausted(reason === "billing" ? "account" : "day", response, bytes)
  }
  const failed = answer.status >= 500
  plan.permit.settle(outcomeOf(verdict), { requests: 1 }, failed ? { ...feedback, failed } : feedback)
  return new AttemptFailure(verdict, response, feedback)
}

function outcomeOf(verdict: Verdict): SettleOutcome {
  return verdict.kind === "wait" || verdict.kind === "reduce" || isRefusal(verdict) ? "throttled" : "ignored"
}

const isRefusal = (verdict: Verdict): boolean => verdict.kind === "fatal" && verdict.scope === "account"
