import type { Cost, SluiceError } from "@sluice/core"
import type { FairQueue } from "../queue/fair-queue.ts"
import * as errors from "./errors.ts"
import type { Ledger } from "./ledger.ts"
import type { QueuedCall } from "./queued-call.ts"

/** The error of a call that cannot be admitted in its time, where that is known as it comes: as long as those stay who wait ahead of it. */
export function lateBy(
  quota: string,
  queue: FairQueue<QueuedCall>,
  ledger: Ledger,
  {
    nowMs,
    waiter,
    maxWaitMs,
  }: { readonly nowMs: number; readonly waiter: QueuedCall; readonly maxWaitMs: number | undefined },
): SluiceError | undefined {
  if (maxWaitMs === undefined) return undefined
  const block = ledger.block(nowMs, waiter)
  // What is kept for others shrinks by itself as they stay away: that is no least time.
  if (block && !block.isKept && block.ms > maxWaitMs && block.ms < Infinity)
    return errors.deadline(quota, block.by, block.ms, maxWaitMs)
  // Who comes back has a place of its own among those who wait.
  const isNew = waiter.sinceMs === waiter.enqueuedMs
  const ahead = isNew ? queue.ahead(waiter.key, waiter.priority) : undefined
  const leastMs = ahead && ledger.leastMs?.(nowMs, sumOf(ahead, waiter.least))
  if (leastMs === undefined || leastMs <= maxWaitMs) return undefined
  return errors.deadline(quota, errors.ahead, leastMs, maxWaitMs)
}

function sumOf(one: Cost, other: Cost): Cost {
  return {
    requests: (one.requests ?? 1) + (other.requests ?? 1),
    inputTokens: (one.inputTokens ?? 0) + (other.inputTokens ?? 0),
    outputTokens: (one.outputTokens ?? 0) + (other.outputTokens ?? 0),
  }
}
