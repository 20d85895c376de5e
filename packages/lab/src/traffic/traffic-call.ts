import { drawSize } from "../scenarios/scenario.ts"
import { exponential, luckOf, seededRandom } from "../clock/seeded-random.ts"
import type { VendorCall } from "../vendor/call.ts"
import type { TrafficShape, TrafficStream } from "./traffic-shape.ts"

/** One call of a shape, drawn. */
export interface TrafficCall extends VendorCall {
  readonly id: string
  readonly priority: number
  readonly tenant: string | undefined
  /** Estimated over true. */
  readonly estimate: number
  /** Until it is asked for: after the shape's start, or after its worker's last call has ended. */
  readonly delayMs: number
  /** After it was asked for. */
  readonly abortMs: number | undefined
}

/** Arrivals that make themselves: whoever carries the calls says how to wait and how to ask. */
export interface TrafficCarrier {
  after(delayMs: number, fn: () => void): void
  /** Calls `ended` exactly once. */
  ask(call: TrafficCall, ended: () => void): void
}

/** The calls of a shape, by stream; same seed, same calls. */
export function trafficCalls(shape: TrafficShape, seed: number): readonly (readonly TrafficCall[])[] {
  return shape.streams.map((stream, at) =>
    Array.from({ length: stream.calls }, (_, index) => drawCall(stream, `${at}-${index}`, index, seed)),
  )
}

function drawCall(stream: TrafficStream, id: string, index: number, seed: number): TrafficCall {
  const { maxTokens, aborted, priority = 0, estimate = 1, tenant } = stream
  const luck = (what: string): number => luckOf(seed, what, id)
  const dies = aborted !== undefined && luck("dies") < aborted.share
  return {
    id,
    inputTokens: drawSize(stream.inputTokens, luck("input")),
    outputTokens: Math.min(drawSize(stream.outputTokens, luck("output")), maxTokens ?? Infinity),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    priority,
    tenant,
    estimate,
    delayMs: delayOf(stream, index, luck("delay")),
    abortMs: dies ? luck("abort") * aborted.withinMs : undefined,
  }
}

function delayOf({ arrivals, fromMs = 0 }: TrafficStream, index: number, luck: number): number {
  const drawn = (mean: number): number => exponential({ next: () => luck }, mean)
  switch (arrivals.kind) {
    case "workers": {
      const { workers, thinkMs = 0, pause } = arrivals
      const turn = Math.floor(index / workers)
      if (turn === 0) return fromMs + drawn(thinkMs)
      return drawn(thinkMs) + (pause && turn % pause.everyCalls === 0 ? pause.ms : 0)
    }
    case "poisson":
      // A gap; `offer` adds them up.
      return drawn(60_000 / arrivals.perMinute)
    case "bursts":
      return fromMs + Math.floor(index / arrivals.size) * arrivals.everyMs
  }
}

/** Lets `carrier` meet the calls as the shape has them. */
export function offer(shape: TrafficShape, calls: readonly (readonly TrafficCall[])[], carrier: TrafficCarrier): void {
  for (const [at, { arrivals, fromMs = 0 }] of shape.streams.entries()) {
    const todo = calls[at]!
    if (arrivals.kind === "workers") {
      let index = 0
      const next = (): void => {
        const call = todo[index++]
        if (call) carrier.after(call.delayMs, () => carrier.ask(call, next))
      }
      for (let worker = 0; worker < arrivals.workers; worker++) next()
      continue
    }
    let atMs = fromMs
    for (const call of todo) {
      if (arrivals.kind === "poisson") atMs += call.delayMs
      else atMs = call.delayMs
      carrier.after(atMs, () => carrier.ask(call, () => undefined))
    }
  }
}

/** Independent luck for whoever carries a shape. */
export function trafficRandom(seed: number, whose: string): ReturnType<typeof seededRandom> {
  return seededRandom(luckOf(seed, whose) * 2 ** 32)
}
