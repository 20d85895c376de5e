import type { Cost, TaskScope } from "@sluice/core"
import * as tuned from "../limits/tuned.ts"
import type { Block, Ledger } from "../quota/ledger.ts"
import type { QueuedCall } from "../quota/queued-call.ts"
import type { FairQueue } from "./fair-queue.ts"

/** Who goes next: a call to admit, one whose limit will not let it go any more, or nobody before `soonestMs`. */
export interface NextCall {
  readonly waiter: QueuedCall | undefined
  readonly hopeless: { readonly waiter: QueuedCall; readonly block: Block } | undefined
  readonly soonestMs: number
}

/**
 * Takes the first call, in fair order, that the ledger lets go. Calls that need none of what others wait for go past those; none goes
 * past one that waits for the gate, for requests or for a place, which every call takes. What is kept for higher priority holds back
 * nobody else.
 */
export function nextCall(
  queue: FairQueue<QueuedCall>,
  ledger: Ledger,
  nowMs: number,
  isHopeless: (block: Block) => boolean,
): NextCall {
  let blocked: Set<Block["dimension"]> | undefined
  let hopeless: NextCall["hopeless"]
  let soonestMs = Infinity
  // So many may follow whoever is no herd: nobody who comes one by one, else as many as a server soon has.
  const { running } = ledger.places()
  const room = Math.max(tuned.noHerd - queue.size - running, 2 * queue.size <= running ? 0 : -1)
  const waiter = queue.next((candidate) => {
    if (blocked && uses(candidate.cost, blocked)) return "skip"
    candidate.isFew = candidate.priority > queue.lowest || followersOf(candidate.scope) <= room
    candidate.isDue = queue.isAgeing
    const block = ledger.block(nowMs, candidate)
    if (!block) return "take"
    if (block.total && isHopeless(block)) {
      hopeless = { waiter: candidate, block }
      return "stop"
    }
    soonestMs = Math.min(soonestMs, nowMs + block.ms)
    if (block.isKept) return "skip"
    if (block.dimension === "gate" || block.dimension === "requests" || block.dimension === "concurrency") return "stop"
    ;(blocked ??= new Set()).add(block.dimension)
    return "skip"
  })
  return { waiter, hopeless, soonestMs }
}

/** How many the batches may bring that it waits in. */
function followersOf(scope: TaskScope | undefined): number {
  return scope ? (scope.followers ?? 0) + followersOf(scope.parent) : 0
}

/** Whether `cost` takes anything of these dimensions; requests and places apart, which every call takes. */
function uses(cost: Cost, dimensions: ReadonlySet<Block["dimension"]>): boolean {
  const input = (cost.inputTokens ?? 0) > 0
  const output = (cost.outputTokens ?? 0) > 0
  return (
    (dimensions.has("tokens") && (input || output)) ||
    (dimensions.has("inputTokens") && input) ||
    (dimensions.has("outputTokens") && output) ||
    (dimensions.has("usd") && (cost.usd ?? 0) > 0)
  )
}
