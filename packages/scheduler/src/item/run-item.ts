import type { Outcome } from "@sluice/core"
import { Attempt, type ItemFunction } from "./attempt.ts"
import { attemptLoop } from "./attempt-loop.ts"
import type { ItemPlan } from "./plan.ts"
import type { ItemScope } from "./item-scope.ts"
import { classifyError, retryDecision } from "./retry-policy.ts"

/**
 * One item with all that its options ask for: attempts, each admitted and limited in time, then the fallback.
 * Runs inside `scope`; nothing is held between attempts. Rejects only when the scope's signal is aborted, with its reason.
 */
export async function runItem<I, O>(
  item: I,
  index: number,
  fn: ItemFunction<I, O>,
  plan: ItemPlan<I, O>,
  scope: ItemScope,
): Promise<Outcome<O>> {
  const { signal } = scope
  const attempt = new Attempt(fn, plan)
  let outcome: Outcome<O> | undefined
  const tryOnce = async (number: number): Promise<void> => {
    attempt.prepare(item, index, number, scope)
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
    await retrying(tryOnce, plan, signal)
  } catch (error) {
    // What is done is done, also when the abort came in the same instant.
    if (outcome?.status !== "ok") {
      if (signal.aborted) throw signal.reason
      outcome = { status: "failed", index, error, attempts: outcome?.attempts ?? 1 }
    }
  }
  if (outcome!.status === "ok" || !plan.fallback) return outcome!
  const { error, attempts } = outcome!
  try {
    const value = await plan.fallback(item, error, { index, attempt: attempts, signal })
    return { status: "ok", index, value, attempts }
  } catch (fallbackError) {
    if (signal.aborted) throw signal.reason
    return { status: "failed", index, error: fallbackError, attempts }
  }
}

function retrying<I, O>(
  attempt: (number: number) => Promise<void>,
  { maxAttempts, retry, clock, random }: ItemPlan<I, O>,
  signal: AbortSignal,
): Promise<void> {
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
