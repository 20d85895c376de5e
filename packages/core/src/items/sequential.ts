import { SluiceError } from "../errors.ts"
import type { Executor, ItemOptions, ItemWork, MapOptions } from "../ports/executor.ts"
import { failurePolicy } from "./failure-policy.ts"
import { checkMap } from "./item-checks.ts"
import type { Outcome } from "../outcome.ts"
import { Scope } from "../scope/scope.ts"
import { currentScope, runInScope, type TaskScope } from "../scope/task-scope.ts"

/**
 * Runs one item after the other, attempts without waiting between them. It has no timers:
 * `timeoutMs` and backoff are refused with `no-clock`.
 *
 * @example
 * ```ts
 * await Array.fromAsync(sequentialExecutor.map([2], { attempt: (n) => n * 2 }, {})) // => [{ status: "ok", index: 0, value: 4, attempts: 1 }]
 * ```
 */
export const sequentialExecutor: Executor = {
  map(source, work, options) {
    checkMap(source, work, options)
    // Items belong to the scope that called, not to the one that takes them.
    return runAll(source, work, options, currentScope())
  },
}

async function* runAll<I, O>(
  source: Iterable<I> | AsyncIterable<I>,
  work: ItemWork<I, O>,
  options: MapOptions,
  parent: TaskScope | undefined,
): AsyncGenerator<Outcome<O>> {
  if (work.policy) refuseWaits(work.policy)
  const { signal = new AbortController().signal, priority, onError = "stop" } = options
  const policy = failurePolicy(onError)
  let index = 0
  for await (const item of source) {
    if (signal.aborted) throw signal.reason
    const scope = work.open?.(item, index, signal) ?? new Scope(parent, index, signal, priority)
    index++
    let outcome: Outcome<O>
    try {
      outcome = (await work.known?.(item, scope)) ?? (await settle(item, scope, work))
    } catch (error) {
      work.dropped?.(error, item, scope)
      throw error
    }
    if (signal.aborted) throw signal.reason
    const stop = policy(outcome)
    if (stop) throw stop
    yield outcome
  }
}

async function settle<I, O>(item: I, scope: Scope, work: ItemWork<I, O>): Promise<Outcome<O>> {
  const outcome = await tryAll(item, scope, work)
  return (await work.settled?.(outcome, item, scope)) ?? outcome
}

/** All attempts, then the fallback. Rejects only with the reason of a cancel. */
async function tryAll<I, O>(item: I, scope: Scope, work: ItemWork<I, O>): Promise<Outcome<O>> {
  const { index, signal } = scope
  const { retry, fallback } = work.policy ?? {}
  const maxAttempts = retry?.maxAttempts ?? 1
  let error: unknown
  let attempt = 0
  let context = scope
  do {
    attempt++
    if (signal.aborted) throw signal.reason
    if (attempt > 1) context = scope.again(attempt, signal)
    try {
      const value = await runInScope(context, tryOnce, item, context, work)
      work.attempted?.({ index, attempt }, scope)
      return { status: "ok", index, value, attempts: attempt }
    } catch (thrown) {
      error = thrown
      work.attempted?.({ index, attempt, error }, scope)
      if (signal.aborted) throw signal.reason
    }
  } while (attempt < maxAttempts && (retry?.retryIf ?? mayRetry)(error, attempt))

  if (!fallback) return { status: "failed", index, error, attempts: attempt }
  try {
    const value = await runInScope(context, fallback, item, error, context)
    return { status: "ok", index, value, attempts: attempt }
  } catch (thrown) {
    if (signal.aborted) throw signal.reason
    return { status: "failed", index, error: thrown, attempts: attempt }
  }
}

async function tryOnce<I, O>(item: I, context: Scope, { attempt, policy = {} }: ItemWork<I, O>): Promise<O> {
  const { limiter, limiterKey, cost } = policy
  const { signal, priority } = context
  const key = limiterKey?.(item, context)
  const permit = await limiter?.admit(cost?.(item), { signal, priority, ...(key !== undefined && { tenant: key }) })
  try {
    const value = await attempt(item, context)
    permit?.settle({ outcome: "success" })
    return value
  } catch (error) {
    permit?.settle({ outcome: "ignored" })
    throw error
  }
}

function mayRetry(error: unknown): boolean {
  return !(typeof error === "object" && error !== null && "retryable" in error && error.retryable === false)
}

function refuseWaits(options: ItemOptions<never, unknown>): void {
  const waits =
    options.timeoutMs !== undefined ? "timeoutMs" : (options.retry?.backoff?.initialMs ?? 0) > 0 ? "backoff" : ""
  if (waits === "") return
  throw new SluiceError(
    "no-clock",
    `${waits} needs a clock, and @sluice/core alone has none. Take define from "sluice", or leave ${waits} out.`,
  )
}
