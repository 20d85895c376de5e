import type { Executor, Outcome, RetryOptions } from "@sluice/core"
import type { VirtualClock } from "../virtual-clock.ts"

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
