import {
  currentScope,
  Scope,
  type AttemptContext,
  type AttemptEnd,
  type Executor,
  type ItemOptions,
  type MapOptions,
  type Outcome,
  type RetryOptions,
} from "@sluice/core"
import type { VirtualClock } from "../clock/virtual-clock.ts"

/** An executor on a clock of its own. */
export interface ExecutorBench {
  readonly clock: VirtualClock
  readonly executor: Executor
  readonly after: (ms: number) => Promise<void>
}

/** Retries without a wait. */
export const atOnce: Pick<RetryOptions, "backoff"> = { backoff: { initialMs: 0 } }

export function ok(index: number, value: unknown, attempts = 1): unknown {
  return { status: "ok", index, value, attempts }
}

export function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

export async function collect<O>(outcomes: AsyncIterable<Outcome<O>>): Promise<Outcome<O>[]> {
  const all: Outcome<O>[] = []
  for await (const outcome of outcomes) all.push(outcome)
  return all
}

type Fn<I, O> = (item: I, context: AttemptContext) => O | PromiseLike<O>

/** A map of `fn`, with what else is asked of it. */
export function mapOf<I, O>(
  executor: Executor,
  source: Iterable<I> | AsyncIterable<I>,
  fn: Fn<I, O>,
  { onAttempt, ...options }: MapOptions & ItemOptions<I, O> & { readonly onAttempt?: (event: AttemptEnd) => void } = {},
): AsyncIterable<Outcome<O>> {
  const { retry, timeoutMs, fallback, limiter, limiterKey, cost, ...mapOptions } = options
  const policy = { retry, timeoutMs, fallback, limiter, limiterKey, cost }
  const given = Object.entries(policy).filter(([, value]) => value !== undefined)
  const work = {
    attempt: fn,
    ...(given.length > 0 && { policy: Object.fromEntries(given) as ItemOptions<I, O> }),
    ...(onAttempt && { attempted: onAttempt }),
  }
  return executor.map(source, work, mapOptions)
}

/** One item by itself, which has `index`: a map of one. */
export async function oneOf<I, O>(
  executor: Executor,
  item: I,
  index: number,
  fn: Fn<I, O>,
  options: Parameters<typeof mapOf<I, O>>[3] = {},
): Promise<Outcome<O>> {
  const parent = currentScope()
  const numbered: Executor = {
    map: (source, work, mapOptions) =>
      executor.map(source, { ...work, open: (_item, _at, signal) => new Scope(parent, index, signal) }, mapOptions),
  }
  const outcomes = await collect(mapOf(numbered, [item], fn, { concurrency: 1, onError: "collect", ...options }))
  if (outcomes.length !== 1) throw new Error(`one item had ${outcomes.length} outcomes`)
  return outcomes[0]!
}
