import type { Random } from "@sluice/core"
import type { Arrivals, TrafficShape, TrafficStream } from "./traffic-shape.ts"

/** What a named shape is made for. */
export interface TrafficScale {
  /** How many calls a minute the vendor's limits allow. */
  readonly callsPerMinute: number
  /** How long a call takes. */
  readonly latencyMs: number
  /** What a call is like. */
  readonly call: Omit<TrafficStream, "calls" | "arrivals" | "aborted" | "priority" | "fromMs">
  readonly random: Random
}

type Maker = (scale: TrafficScale) => readonly TrafficStream[]

/** About as many calls as `minutes` of the quota, and never so few that they show nothing or so many that they take long. */
const callsFor = ({ callsPerMinute }: TrafficScale, minutes: number): number =>
  Math.round(Math.min(300, Math.max(40, callsPerMinute * minutes)))

const workers =
  (count: number): Maker =>
  (scale) => [one(scale, { kind: "workers", workers: count }, Math.min(callsFor(scale, 2), 40 + 10 * count))]

/** Enough for some minutes at the share of the quota. */
const trickle =
  (share: number): Maker =>
  (scale) => [one(scale, { kind: "poisson", perMinute: scale.callsPerMinute * share }, callsFor(scale, 5 * share))]

function one(scale: TrafficScale, arrivals: Arrivals, calls: number, more: Partial<TrafficStream> = {}): TrafficStream {
  return { ...scale.call, calls, arrivals, ...more }
}

const batch = (scale: TrafficScale, calls: number, more: Partial<TrafficStream> = {}): TrafficStream =>
  one(scale, { kind: "bursts", size: calls, everyMs: 0 }, calls, more)

export type TrafficShapeName =
  | "one-caller"
  | "think-time"
  | "trickle-5"
  | "trickle-30"
  | "trickle-80"
  | "workers-2"
  | "workers-5"
  | "workers-50"
  | "batch"
  | "batch-pause-batch"
  | "batch-and-interactive"
  | "bursts"
  | "sizes"
  | "aborts"
  | "near-limit"
  | "day-total"

const makers: Readonly<Record<TrafficShapeName, Maker>> = {
  "one-caller": workers(1),
  "think-time": (scale) => [
    one(
      scale,
      {
        kind: "workers",
        workers: 1,
        thinkMs: 4_000,
        pause: { everyCalls: 8, ms: 60_000 + 240_000 * scale.random.next() },
      },
      40,
    ),
  ],
  "trickle-5": trickle(0.05),
  "trickle-30": trickle(0.3),
  "trickle-80": trickle(0.8),
  "workers-2": workers(2),
  "workers-5": workers(5),
  "workers-50": workers(50),
  batch: (scale) => [batch(scale, callsFor(scale, 1 + 3 * scale.random.next()))],
  "batch-pause-batch": (scale) => {
    const size = Math.round(callsFor(scale, 1.5) / 2)
    // The first is done well before the second comes.
    const everyMs =
      (size / scale.callsPerMinute) * 60_000 + 2 * scale.latencyMs + 30_000 + 150_000 * scale.random.next()
    return [one(scale, { kind: "bursts", size, everyMs }, 2 * size)]
  },
  "batch-and-interactive": (scale) => {
    const calls = callsFor(scale, 3)
    const perMinute = scale.callsPerMinute * 0.1
    const minutes = calls / scale.callsPerMinute
    return [
      batch(scale, calls),
      one(scale, { kind: "poisson", perMinute }, Math.max(5, Math.round(perMinute * minutes)), { priority: 10 }),
    ]
  },
  bursts: (scale) => [one(scale, { kind: "bursts", size: 20, everyMs: 30_000 }, 100)],
  sizes: (scale) => [batch(scale, callsFor(scale, 2))],
  aborts: (scale) => {
    const calls = callsFor(scale, 2)
    const withinMs = Math.max(2 * scale.latencyMs, (calls / scale.callsPerMinute) * 60_000)
    const arrivals: Arrivals =
      scale.random.next() < 0.5 ? { kind: "bursts", size: calls, everyMs: 0 } : { kind: "workers", workers: 20 }
    return [one(scale, arrivals, calls, { aborted: { share: 1 / 3, withinMs } })]
  },
  "near-limit": (scale) => [
    one(
      scale,
      scale.random.next() < 0.5 ? { kind: "workers", workers: 2 } : { kind: "bursts", size: 40, everyMs: 0 },
      40,
    ),
  ],
  "day-total": (scale) => [one(scale, { kind: "workers", workers: 10 }, 240)],
}

/** The shapes that `randomTraffic` draws from. */
export const trafficShapeNames: readonly TrafficShapeName[] = Object.freeze(Object.keys(makers) as TrafficShapeName[])

/** A shape by name, for a vendor of this scale. */
export function trafficShapeOf(name: TrafficShapeName, scale: TrafficScale): TrafficShape {
  return { name, streams: makers[name](scale) }
}
