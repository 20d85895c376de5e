import * as errors from "../errors.ts"
import type { LivePermit } from "../permit.ts"
import type { Ledger } from "../ledger.ts"
import type { WaitExplanation } from "../snapshot.ts"
import type { QueuedCall } from "../queued-call.ts"

/** Why each of the first `count` calls of `queue` waits, for whom, and until when. */
export function explainWaits(
  queue: Iterable<QueuedCall>,
  ledger: Ledger,
  newest: LivePermit | undefined,
  nowMs: number,
  count: number,
): WaitExplanation[] {
  const holders = holdersOf(newest, nowMs)
  const explanations: WaitExplanation[] = []
  for (const waiter of queue) {
    if (explanations.length === count) break
    const { scope, key: tenant, priority, enqueuedMs } = waiter
    const block = ledger.block(nowMs, waiter)
    explanations.push({
      site: scope?.site,
      tenant,
      priority,
      waitedMs: nowMs - enqueuedMs,
      ahead: explanations.length,
      blockedBy: block?.by ?? errors.ahead,
      untilMs: block ? (Number.isFinite(block.ms) ? nowMs + block.ms : undefined) : nowMs,
      heldBy: block?.ms === Infinity ? holders : [],
      ...(block?.dimension === "usd" && { advice: errors.widenBudget(waiter.cost.usd ?? 0, ledger.budgetLeft()) }),
    })
  }
  return explanations
}

/** A few calls that run now, the newest first. */
function holdersOf(newest: LivePermit | undefined, nowMs: number): WaitExplanation["heldBy"] {
  const holders: { site: string | undefined; heldMs: number }[] = []
  for (let permit = newest; permit && holders.length < 5; permit = permit.next) {
    holders.push({ site: permit.scope?.site, heldMs: nowMs - permit.admittedMs })
  }
  return holders
}
