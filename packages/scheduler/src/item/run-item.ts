import { runInScope, type Outcome, type Scope } from "@sluice/core"
import { isPromiseLike } from "@sluice/core/internal"
import { ItemAttempt } from "./item-attempt.ts"
import { attemptLoop } from "./attempt-loop.ts"
import type { ItemPlan } from "./plan.ts"
import { classifyError, retryDecision } from "./retry-policy.ts"

/**
 * One item with all that its work asks for: what is known of it already, or else attempts, each admitted and limited in time, then
 * the fallback, then what is to be done when it has settled. Runs inside `scope`; nothing is held between attempts.
 *
 * Rejects when the scope's signal is aborted, with its reason, or with what `known` or `settled` threw.
 */
export async function runItem<I, O>(item: I, scope: Scope, plan: ItemPlan<I, O>): Promise<Outcome<O>> {
  const { known, settled } = plan.work
  const found = known?.(item, scope)
  const standIn = isPromiseLike(found) ? await found : found
  if (standIn) return standIn
  const outcome = await tryItem(item, scope, plan)
  const counted = settled?.(outcome, item, scope)
  return (isPromiseLike(counted) ? await counted : counted) ?? outcome
}

async function tryItem<I, O>(item: I, scope: Scope, plan: ItemPlan<I, O>): Promise<Outcome<O>> {
  const { index, signal } = scope
  const { fallback } = plan.policy
  const attempt = new ItemAttempt(plan)
  let outcome: Outcome<O> | undefined
  let context = scope
  const tryOnce = async (number: number): Promise<void> => {
    if (number > 1) context = scope.again(number, signal)
    attempt.prepare(item, scope, context)
    let value: O
    try {
      value = await attempt.begin()
    } catch (error) {
      outcome = attempt.fail(error)
      throw error
    }
    outcome = attempt.succeed(value)
  }
  try {
    // Most items need no loop.
    if (plan.maxAttempts === 1) await tryOnce(1)
    else await retrying(tryOnce, plan, signal)
  } catch (error) {
    // An attempt that succeeded counts, also when the abort came in the same instant.
    if (outcome?.status !== "ok") {
      if (signal.aborted) throw signal.reason
      outcome = { status: "failed", index, error, attempts: outcome?.attempts ?? 1 }
    }
  }
  if (outcome!.status === "ok" || !fallback) return outcome!
  const { error, attempts } = outcome!
  try {
    const value = await runInScope(context, fallback, item, error, context)
    return { status: "ok", index, value, attempts }
  } catch (fallbackError) {
    if (signal.aborted) throw signal.reason
    return { status: "failed", index, error: fallbackError, attempts }
  }
}

function retrying<I, O>(
  attempt: (number: number) => Promise<void>,
  { maxAttempts, policy, clock, random }: ItemPlan<I, O>,
  signal: AbortSignal,
): Promise<void> {
  const { retry } = policy
  return attemptLoop(attempt, {
    maxAttempts,
    clock,
    random,
    signal,
    decide: (error, number) => {
      const failure = classifyError(error)
      const retryable = retry?.retryIf ? retry.retryIf(error, number) : failure.retryable
      return retryDecision({ ...failure, retryable }, number, retry?.backoff, random)
    },
  })
}
