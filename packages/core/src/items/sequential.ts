import { SluiceError } from "../errors.ts"
import { createFailurePolicy } from "./failure-policy.ts"
import type { Outcome } from "../outcome.ts"
import type { AttemptContext, Executor, ItemOptions, MapOptions } from "../ports/ports.ts"

const never = new AbortController().signal

type Fn<I, O> = (item: I, context: AttemptContext) => O | PromiseLike<O>

/**
 * Runs one item after the other, attempts without waiting between them. It has no timers:
 * `timeoutMs` and backoff are refused with `no-clock`.
 *
 * @example
 * ```ts
 * await sequentialExecutor.run(2, 0, (n) => n * 2, {}) // => { status: "ok", index: 0, value: 4, attempts: 1 }
 * ```
 */
export const sequentialExecutor: Executor = { run, map }

async function run<I, O>(item: I, index: number, fn: Fn<I, O>, options: ItemOptions<I, O>): Promise<Outcome<O>> {
  refuseWaits(options)
  const { signal = never, retry, fallback } = options
  const maxAttempts = retry?.maxAttempts ?? 1
  let error: unknown
  let attempt = 0
  do {
    attempt++
    if (signal.aborted) throw signal.reason
    try {
      const value = await admitted(item, { index, attempt, signal }, fn, options)
      options.onAttempt?.({ index, attempt })
      return { status: "ok", index, value, attempts: attempt }
    } catch (thrown) {
      error = thrown
      options.onAttempt?.({ index, attempt, error })
      if (signal.aborted) throw signal.reason
    }
  } while (attempt < maxAttempts && (retry?.retryIf ?? mayRetry)(error, attempt))

  if (!fallback) return { status: "failed", index, error, attempts: attempt }
  try {
    const value = await fallback(item, error, { index, attempt, signal })
    return { status: "ok", index, value, attempts: attempt }
  } catch (thrown) {
    if (signal.aborted) throw signal.reason
    return { status: "failed", index, error: thrown, attempts: attempt }
  }
}

async function admitted<I, O>(item: I, context: AttemptContext, fn: Fn<I, O>, options: ItemOptions<I, O>): Promise<O> {
  const { limiter, cost, priority = 0 } = options
  const permit = await limiter?.admit(cost?.(item), { signal: context.signal, priority })
  try {
    const value = await fn(item, context)
    permit?.settle("success")
    return value
  } catch (error) {
    permit?.settle("ignored")
    throw error
  }
}

async function* map<I, O>(
  source: Iterable<I> | AsyncIterable<I>,
  fn: Fn<I, O>,
  options: MapOptions<I, O>,
): AsyncGenerator<Outcome<O>> {
  refuseWaits(options)
  const { signal = never } = options
  const policy = createFailurePolicy(options.onError ?? "stop", "map")
  let index = 0
  for await (const item of source) {
    if (signal.aborted) throw signal.reason
    const outcome = await run(item, index++, fn, options)
    if (signal.aborted) throw signal.reason
    if (outcome.status === "ok") policy.ok()
    else {
      const reason = policy.failed(outcome.error)
      if (reason !== undefined) throw reason
    }
    yield outcome
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
