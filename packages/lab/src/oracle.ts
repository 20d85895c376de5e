import { MinHeap } from "./min-heap.ts"
import { createVendorCore, type Admission } from "./vendor-core.ts"
import type { VendorCall, VendorOptions } from "./vendor-options.ts"

export interface OracleResult {
  /** From the first departure to the last arrival, network both ways included. `Infinity`: some call can never be served. */
  readonly timeMs: number
  /** Calls that were answered. */
  readonly answered: number
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
  const { networkMs = 20 } = options
  let nowMs = 0
  const core = createVendorCore({ ...options, clock: { now: () => nowMs } })
  const most = options.latency?.knee?.at ?? Infinity
  const running = new MinHeap<{ endsMs: number; end: () => void }>((a, b) => a.endsMs < b.endsMs)
  const again = new MinHeap<{ readyMs: number; call: VendorCall }>((a, b) => a.readyMs < b.readyMs)
  let lastMs = 0
  let answered = 0

  function moveTo(atMs: number): void {
    for (let next = running.peek(); next && next.endsMs <= atMs; next = running.peek()) {
      running.pop()
      nowMs = Math.max(nowMs, next.endsMs)
      next.end()
    }
    nowMs = Math.max(nowMs, atMs)
  }

  function serve(call: VendorCall, { firstTokenMs, totalMs, fault, finish }: Admission): void {
    const failed = fault !== undefined
    // It knows that a hung call will not come back.
    const endsMs = nowMs + (failed ? (fault === "hang" ? 0 : Math.min(firstTokenMs, totalMs)) : totalMs)
    const end = (): void => {
      finish(fault ?? "answered")
      if (failed) return
      answered++
      lastMs = Math.max(lastMs, endsMs)
    }
    running.push({ endsMs, end })
    if (failed) again.push({ readyMs: endsMs + 2 * networkMs, call })
  }

  /** False: it can never be served. */
  function start(call: VendorCall): boolean {
    for (;;) {
      const nextEndMs = running.peek()?.endsMs ?? Infinity
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
      else again.push({ readyMs: nowMs + 2 * networkMs, call })
      return true
    }
  }

  const todo = calls[Symbol.iterator]()
  for (;;) {
    moveTo(nowMs)
    const retry = again.peek()
    if (retry && retry.readyMs <= nowMs) {
      again.pop()
      if (!start(retry.call)) break
      continue
    }
    const next = todo.next()
    if (!next.done) {
      if (!start(next.value)) break
    } else if (retry) moveTo(Math.min(retry.readyMs, running.peek()?.endsMs ?? Infinity))
    else if (running.size > 0) moveTo(running.peek()?.endsMs ?? nowMs)
    else return { timeMs: lastMs + 2 * networkMs, answered }
  }
  return { timeMs: Infinity, answered }
}
