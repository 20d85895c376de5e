import type { Settlement, Cost, Feedback, Latency } from "@sluice/core"
import { usdOf } from "../accounts/prices.ts"
import { LearnedTokens, learnedDefaults } from "../accounts/token-estimate.ts"
import type { Answer, Usage, Verdict } from "../vendors/vendor.ts"
import { AttemptFailure } from "./failure/attempt-failure.ts"
import type { PreparedCall } from "./prepare.ts"
import type { Attempt, AttemptOwner, Counted, Exhausted } from "./attempt.ts"
import { okVerdict, verdictOn } from "./failure/verdict.ts"

/** A vendor's reading of what it was sent, or nothing where it fails: no answer is lost, and no permit kept, for that. */
export function unlessItThrows<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Settles a finished call: what it cost, and what the vendor said about its limits. */
export function settleAnswer(
  { owner, permit, estimate }: Attempt,
  answer: Answer,
  usage: Usage | undefined,
  latency: Latency,
  how: Counted = "counted",
): void {
  const { vendor } = owner.prepared
  const feedback = unlessItThrows(() => vendor.feedback(answer, okVerdict, owner.context.clock.wallNow()))
  const heard = feedback?.limits ? { limits: feedback.limits } : {}
  if (!usage || !isPlausible(usage)) {
    // Some embeddings and local servers do not count: the estimate stands, in the quota and in the accounts.
    return permit.settle({ outcome: "success", actual: uncounted(owner, estimate), ...heard, latency })
  }
  const usd = owner.spent(usage, usage.isDoubtful ? "guessed" : how)
  const inputTokens = Math.min(usage.inputTokens, LearnedTokens.mostInputTokens(owner.prepared.facts.prompt))
  const actual = unlessItThrows(() => vendor.charged(estimate, { ...usage, inputTokens })) ?? estimate
  permit.settle({
    outcome: "success",
    actual: usd === undefined ? actual : { ...actual, usd },
    ...heard,
    latency: { ...latency, outputTokens: usage.outputTokens },
  })
}

/** A mistake of the vendor's must not put a quota into debt for days. */
function isPlausible({ inputTokens, outputTokens }: Usage): boolean {
  return Math.max(inputTokens, outputTokens) <= learnedDefaults.mostTokens
}

/** What stays charged of a call that nobody has counted: dollars were reserved for the longest answer there may be. */
export function uncounted(owner: AttemptOwner, estimate: Cost): Cost {
  const usd = owner.spent(likelyUsage(owner.prepared), "unknown")
  return usd === undefined ? estimate : { ...estimate, usd }
}

/** What stays charged of an attempt that broke off, where dollars are counted: what it has cost nobody knows. */
export function unknownCost({ owner: { prepared }, estimate }: Attempt): Cost | undefined {
  return prepared.price && { ...estimate, usd: usdOf(prepared.price, likelyUsage(prepared)) }
}

function likelyUsage({ facts, learned }: PreparedCall): Usage {
  return {
    inputTokens: learned.inputTokens(facts.prompt),
    outputTokens: Math.ceil(Math.min(facts.maxOutputTokens ?? Infinity, learned.outputMean) * facts.answers),
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
  }
}

/** Settles a refused call and makes its failure. */
export function settleFailure(
  { owner, permit }: Attempt,
  answer: Answer,
  response?: Response,
  bytes?: Uint8Array<ArrayBuffer>,
): AttemptFailure {
  const { vendor } = owner.prepared
  const verdict = hidden(unlessItThrows(() => vendor.classify(answer)) ?? byStatus(answer.status), owner.prepared.hide)
  const feedback = unlessItThrows(() => vendor.feedback(answer, verdict, owner.context.clock.wallNow())) ?? {}
  const what = exhaustedBy(answer, verdict, feedback)
  if (response && bytes && what) owner.exhausted(what, response, bytes)
  if (what === "credential" || what === "model") {
    // Another token of the same account may be good, and another model under the same limit: the quota goes on.
    permit.settle({ outcome: "ignored", actual: { requests: 1 } })
    return new AttemptFailure(verdict, response, {})
  }
  permit.settle(endOf(verdict, feedback, answer.status))
  return new AttemptFailure(verdict, response, feedback)
}

/** Vendors echo keys in messages, and some in codes. */
function hidden(verdict: Verdict, hide: PreparedCall["hide"]): Verdict {
  return { ...verdict, code: hide(verdict.code).slice(0, longestCode), message: hide(verdict.message) }
}

const longestCode = 100

/** What a refused call says about the limits: a no, a server that is down, or nothing. */
function endOf({ kind, scope }: Verdict, { refusal, ...heard }: Feedback, status: number): Settlement {
  const actual = { requests: 1 }
  const isNo = kind === "wait" || kind === "reduce" || (kind === "fatal" && scope === "account")
  if (isNo || refusal) return { outcome: "throttled", actual, reason: "rate", ...refusal, ...heard }
  if (status < 500) return { outcome: "ignored", actual }
  const { retryAfterMs } = heard
  return { outcome: "failed", actual, ...(retryAfterMs !== undefined && { retryAfterMs }) }
}

function exhaustedBy({ status }: Answer, { code }: Verdict, { refusal, limits }: Feedback): Exhausted | undefined {
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
