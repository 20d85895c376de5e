import { runInScope, SluiceError, type AttemptContext, type Feedback, type Outcome } from "@sluice/core"
import { attemptLoop } from "./attempt-loop.ts"
import type { ItemPlan } from "./item-plan.ts"
import { ItemScope } from "./item-scope.ts"
import { onAbort } from "./on-abort.ts"
import { Place } from "./place.ts"
import { classifyError, retryDecision } from "./retry-policy.ts"

export type ItemFunction<I, O> = (item: I, context: AttemptContext) => O | PromiseLike<O>

/**
 * One item with all that its options ask for: attempts, each admitted and limited in time, then the fallback.
 * Runs inside `scope`; nothing is held between attempts. Rejects only when the scope's signal is aborted, with its reason.
 */
export function runItem<I, O>(
  item: I,
  index: number,
  fn: ItemFunction<I, O>,
  plan: ItemPlan<I, O>,
  scope: ItemScope,
): Promise<Outcome<O>> {
  if (plan.maxAttempts === 1 && !plan.fallback) return runAttempt(item, index, 1, fn, plan, scope)
  return runAttempts(item, index, fn, plan, scope)
}

async function runAttempts<I, O>(
  item: I,
  index: number,
  fn: ItemFunction<I, O>,
  plan: ItemPlan<I, O>,
  scope: ItemScope,
): Promise<Outcome<O>> {
  const { signal } = scope
  let outcome: Outcome<O> | undefined
  const attempt = async (number: number): Promise<void> => {
    outcome = await runAttempt(item, index, number, fn, plan, scope)
    if (outcome.status === "failed") throw outcome.error
  }
  try {
    await retrying(attempt, plan, signal)
  } catch (error) {
    // What is done is done, also when the abort came in the same instant.
    if (outcome?.status !== "ok") {
      if (signal.aborted) throw error
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

async function runAttempt<I, O>(
  item: I,
  index: number,
  attempt: number,
  fn: ItemFunction<I, O>,
  plan: ItemPlan<I, O>,
  scope: ItemScope,
): Promise<Outcome<O>> {
  const { limiter, timeoutMs, onAttempt } = plan
  const { signal } = scope
  let place: Place | undefined
  let value: O
  try {
    if (limiter) {
      const cost = plan.cost?.(item)
      place = Place.tryTake(limiter, cost, scope) ?? (await Place.take(limiter, cost, scope))
    }
    value = await (timeoutMs === undefined
      ? fn(item, { index, attempt, signal })
      : withTimeLimit(item, index, attempt, timeoutMs, fn, plan, scope))
  } catch (error) {
    settleFailed(place, error)
    onAttempt?.({ index, attempt, error })
    if (signal.aborted) throw signal.reason
    return { status: "failed", index, error, attempts: attempt }
  }
  place?.settle("success")
  onAttempt?.({ index, attempt })
  return { status: "ok", index, value, attempts: attempt }
}

/**
 * Aborts the attempt's own signal when time is up and goes on without it: an attempt that ignores its signal
 * cannot hold up its item, and its late answer is dropped.
 */
function withTimeLimit<I, O>(
  item: I,
  index: number,
  attempt: number,
  timeoutMs: number,
  fn: ItemFunction<I, O>,
  { clock }: ItemPlan<I, O>,
  scope: ItemScope,
): Promise<O> {
  const { signal } = scope
  return new Promise((resolve, reject) => {
    const controller = new AbortController()
    const forget = onAbort(signal, () => controller.abort(signal.reason))
    const cancel = clock.setTimer(timeoutMs, () => {
      forget()
      const error = new SluiceError(
        "timeout",
        `Attempt ${attempt} at item ${index} took longer than ${timeoutMs} ms.`,
        {
          retryable: true,
          details: { index, attempt, timeoutMs },
        },
      )
      controller.abort(error)
      reject(error)
    })
    const end = (): void => {
      forget()
      cancel()
    }
    const attemptScope = new ItemScope(scope, undefined, controller.signal, scope.priority)
    runInScope(attemptScope, async () => fn(item, { index, attempt, signal: controller.signal })).then(
      (value) => (end(), resolve(value)),
      (error: unknown) => (end(), reject(error)),
    )
  })
}

/** Tells the limiter what a failed attempt says about it: SDKs' errors carry the status of a refusal. */
function settleFailed(place: Place | undefined, error: unknown): void {
  if (!place) return
  const { status, statusCode, retryAfterMs } = (error ?? {}) as Record<string, unknown>
  const code = status ?? statusCode
  if (code !== 429 && code !== 529) return place.settle("ignored")
  const feedback: Feedback = { refusal: { reason: code === 429 ? "rate" : "overloaded" } }
  place.settle("throttled", typeof retryAfterMs === "number" ? { ...feedback, retryAfterMs } : feedback)
}
