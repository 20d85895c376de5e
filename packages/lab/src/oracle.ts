import { amount, checkOptions } from "@sluice/core/internal"
import { IndexedHeap } from "@sluice/scheduler"
import { type Admission, vendorCore } from "./vendor/core.ts"
import type { VendorCall } from "./vendor/call.ts"
import type { VendorOptions } from "./vendor/options.ts"
import { vendorChecks } from "./vendor/vendor-checks.ts"

export interface OracleResult {
  /** From the first departure to the last arrival, network both ways included. `Infinity`: some call can never be served. */
  readonly timeMs: number
  /** Calls that were answered. */
  readonly answered: number
}

interface Running {
  readonly endsMs: number
  readonly end: () => void
  heapIndex: number
}

interface Again {
  readonly readyMs: number
  readonly call: VendorCall
  heapIndex: number
}

/**
 * The least time in which the calls can be done first come, first served, by somebody who knows everything:
 * each starts at the first moment at which every limit admits it. Runs the vendor's own limiters.
 * Knows co-tenants, outages, changes of limits and a knee (holds exactly that many in flight); faults by rate hit it as
 * they hit everybody, and it tries again at once.
 *
 * @example
 * ```ts
 * const calls = Array.from({ length: 61 }, () => ({ inputTokens: 1, outputTokens: 10 }))
 * oracle(calls, { limits: { requests: { limit: 60, burst: 1 } }, networkMs: 0 }).timeMs // => 60400
 * ```
 */
export function oracle(
  calls: Iterable<VendorCall>,
  options: VendorOptions & { readonly networkMs?: number },
): OracleResult {
  checkOptions("oracle", options, { ...vendorChecks, networkMs: amount })
  const { networkMs = 20 } = options
  let nowMs = 0
  const core = vendorCore({ ...options, clock: { now: () => nowMs } })
  const most = options.latency?.knee?.at ?? Infinity
  const running = new IndexedHeap<Running>((a, b) => a.endsMs < b.endsMs)
  const again = new IndexedHeap<Again>((a, b) => a.readyMs < b.readyMs)
  let lastMs = 0
  let answered = 0

  function moveTo(atMs: number): void {
    for (let next = running.first(); next && next.endsMs <= atMs; next = running.first()) {
      running.remove(next)
      nowMs = Math.max(nowMs, next.endsMs)
      next.end()
    }
    nowMs = Math.max(nowMs, atMs)
  }

  function serve(call: VendorCall, { firstTokenMs, totalMs, fault, finish }: Admission): void {
    const failed = fault !== undefined && fault !== "offSchema"
    // It knows that a hung call will not come back.
    const endsMs = nowMs + (failed ? (fault === "hang" ? 0 : Math.min(firstTokenMs, totalMs)) : totalMs)
    const end = (): void => {
      finish(failed ? fault : "answered")
      if (failed) return
      answered++
      lastMs = Math.max(lastMs, endsMs)
    }
    running.push({ endsMs, end, heapIndex: -1 })
    if (failed) again.push({ readyMs: endsMs + 2 * networkMs, call, heapIndex: -1 })
  }

  /** False: it can never be served. */
  function start(call: VendorCall): boolean {
    for (;;) {
      const nextEndMs = running.first()?.endsMs ?? Infinity
      const waitMs = running.size >= most ? Infinity : core.msUntilAdmitted(call)
      if (waitMs > 0) {
        // At least a step that a double can hold.
        const untilMs = Math.min(nowMs + Math.max(waitMs, 1e-3), nextEndMs)
        if (untilMs === Infinity) return false
        moveTo(untilMs)
        continue
      }
      const verdict = core.arrive(call)
      if (verdict.admitted) serve(call, verdict)
      else again.push({ readyMs: nowMs + 2 * networkMs, call, heapIndex: -1 })
      return true
    }
  }

  const todo = calls[Symbol.iterator]()
  for (;;) {
    moveTo(nowMs)
    const retry = again.first()
    if (retry && retry.readyMs <= nowMs) {
      again.remove(retry)
      if (!start(retry.call)) break
      continue
    }
    const next = todo.next()
    if (!next.done) {
      if (!start(next.value)) break
    } else if (retry) moveTo(Math.min(retry.readyMs, running.first()?.endsMs ?? Infinity))
    else if (running.size > 0) moveTo(running.first()?.endsMs ?? nowMs)
    else return { timeMs: lastMs + 2 * networkMs, answered }
  }
  return { timeMs: Infinity, answered }
}
