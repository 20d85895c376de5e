import type { Permit } from "@sluice/core"
import { learnFrom } from "../../accounts/accounting.ts"
import type { CallAttemptEnd, CallAttempt } from "./attempt.ts"
import type { CallReport } from "../telling/report.ts"

/**
 * Draws everything that follows from the end of an attempt: what is used up is not asked again, the next estimates learn, whoever
 * pays is told, the permit is settled, and who listens hears how the answer ended.
 */
export function settleAttempt(
  { context, prepared, facts }: CallAttempt,
  permit: Permit,
  report: CallReport,
  { settlement, used, exhausted, answered, unreadable }: CallAttemptEnd,
): void {
  if (exhausted) {
    // Before the quota is told: whoever it wakes must not go on.
    const { account, marks, quota } = prepared
    const [credential, model] = marks
    const { what, response, bytes } = exhausted
    if (what === "quota") account.exhaust(quota, response, bytes)
    else if (what === "account") account.refuse(response, bytes)
    else account.refuse(response, bytes, what === "model" ? model : credential)
  }
  if (used) {
    learnFrom(prepared, used.usage, used.how)
    report.spent(used.usage, used.how === "counted")
  }
  permit.settle(settlement)
  if (unreadable !== undefined)
    void context.rare().then((rare) => rare.warnOfAnswer(report.events, prepared.vendor.name, unreadable))
  if (answered) {
    const { response, verdict, status, error, firstMs } = answered
    report.told({ verdict, response })
    report.over({ status, ...(error === undefined ? {} : { error }), firstMs, facts })
  }
}
