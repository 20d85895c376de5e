import { IndexedHeap } from "@sluice/scheduler"
import type { ToldQuota } from "../scenarios/scenario.ts"
import { vendorCore } from "../vendor/core.ts"
import type { VendorOptions } from "../vendor/options.ts"
import { ceilingOf } from "./ceiling-of.ts"
import { offer, type TrafficCall } from "./traffic-call.ts"
import type { TrafficShape } from "./traffic-shape.ts"

export interface TrafficOracle {
  /** From being asked for to the answer, network included, by id. Calls that were given up or can never be served are absent. */
  readonly latencyMs: ReadonlyMap<string, number>
  /** When the last call had ended. */
  readonly timeMs: number
}

interface Event {
  readonly atMs: number
  readonly sequence: number
  readonly fn: () => void
  heapIndex: number
}

interface WaitingCall {
  readonly call: TrafficCall
  readonly atMs: number
  readonly sequence: number
  readonly ended: () => void
  heapIndex: number
}

/**
 * The same traffic, carried by somebody who knows the vendor: higher priorities first, then first come, first served, each call
 * at the first moment at which every limit admits it, the user's own included. A failed call is tried again at once, before those that wait.
 */
export function trafficOracle(
  shape: TrafficShape,
  calls: readonly (readonly TrafficCall[])[],
  vendor: VendorOptions,
  told: ToldQuota,
  networkMs: number,
  timeoutMs: number = Infinity,
): TrafficOracle {
  let nowMs = 0
  let sequence = 0
  // Its clock is that of the vendor: a call gets there one way later, its answer back one way later.
  const clock = { now: () => nowMs }
  const core = vendorCore({ ...vendor, clock })
  const ceiling = vendorCore({ ...ceilingOf(told, vendor), clock })
  const most = vendor.latency?.knee?.at ?? Infinity
  const events = new IndexedHeap<Event>((a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence))
  const queue = new IndexedHeap<WaitingCall>(
    (a, b) => a.call.priority > b.call.priority || (a.call.priority === b.call.priority && a.sequence < b.sequence),
  )
  const latencyMs = new Map<string, number>()
  let running = 0
  let timeMs = 0
  let look: Event | undefined

  const after = (delayMs: number, fn: () => void): Event => {
    const event = { atMs: nowMs + delayMs, sequence: sequence++, fn, heapIndex: -1 }
    events.push(event)
    return event
  }
  const drop = (event: Event | undefined): void => {
    if (event && event.heapIndex >= 0) events.remove(event)
  }

  function dispatch(): void {
    drop(look)
    look = undefined
    for (let head = queue.first(); head; head = queue.first()) {
      const waitMs =
        running >= most ? Infinity : Math.max(core.msUntilAdmitted(head.call), ceiling.msUntilAdmitted(head.call))
      if (waitMs > 0) {
        // At least a step that a double can hold. Never: something that runs may make room, and it asks again.
        if (waitMs < Infinity) look = after(Math.max(waitMs, 1e-3), dispatch)
        else if (running === 0) {
          queue.remove(head)
          head.ended()
          continue
        }
        return
      }
      queue.remove(head)
      start(head)
    }
  }

  function start(asked: WaitingCall): void {
    const verdict = core.arrive(asked.call)
    const again = (): void => {
      if (asked.call.abortMs !== undefined && nowMs >= asked.atMs + asked.call.abortMs) asked.ended()
      else queue.push(asked)
      dispatch()
    }
    if (!verdict.admitted) return void after(2 * networkMs, again)
    if (verdict.fault === undefined && verdict.totalMs + 2 * networkMs > timeoutMs) {
      // Whoever sends it gives it up before its answer is there, each time.
      verdict.finish("cancelled")
      return asked.ended()
    }
    running++
    const allowed = ceiling.arrive(asked.call)
    const { fault: drawn, firstTokenMs, totalMs, finish } = verdict
    const fault = drawn === "offSchema" ? undefined : drawn
    const givenUpMs = asked.call.abortMs === undefined ? Infinity : asked.atMs + asked.call.abortMs - nowMs
    const isGivenUp = givenUpMs <= totalMs + networkMs
    // It knows that a hung call will not come back.
    const failsMs = fault === "hang" ? 0 : fault ? Math.min(firstTokenMs, totalMs) : totalMs
    after(isGivenUp ? Math.max(0, givenUpMs) : failsMs, () => {
      running--
      if (allowed.admitted) allowed.finish("answered")
      finish(isGivenUp ? "cancelled" : (fault ?? "answered"))
      if (fault && !isGivenUp) after(2 * networkMs, again)
      else if (isGivenUp) asked.ended()
      else {
        const endMs = nowMs + 2 * networkMs
        latencyMs.set(asked.call.id, endMs - asked.atMs)
        timeMs = Math.max(timeMs, endMs)
        after(2 * networkMs, asked.ended)
      }
      dispatch()
    })
  }

  offer(shape, calls, {
    after,
    ask(call, ended) {
      const asked: WaitingCall = { call, atMs: nowMs, sequence: sequence++, ended, heapIndex: -1 }
      queue.push(asked)
      if (call.abortMs !== undefined) {
        after(call.abortMs, () => {
          if (asked.heapIndex < 0) return
          queue.remove(asked)
          ended()
          dispatch()
        })
      }
      dispatch()
    },
  })
  for (let next = events.first(); next; next = events.first()) {
    events.remove(next)
    nowMs = next.atMs
    next.fn()
  }
  return { latencyMs, timeMs }
}
