import {
  amount,
  anything,
  be,
  between,
  type Check,
  count,
  fields,
  listOf,
  needed,
  number,
  oneOf,
  positive,
  type Shape,
  text,
} from "@sluice/core/internal"
import { size } from "../scenarios/scenario-checks.ts"
import type { Arrivals, TrafficShape, TrafficStream } from "./traffic-shape.ts"

type Workers = Extract<Arrivals, { kind: "workers" }>
type Bursts = Extract<Arrivals, { kind: "bursts" }>

const byKind: Readonly<Record<Arrivals["kind"], Check>> = {
  workers: fields<Workers>({
    kind: needed(oneOf("workers")),
    workers: needed(count()),
    thinkMs: amount,
    pause: fields<NonNullable<Workers["pause"]>>({ everyCalls: needed(count()), ms: needed(amount) }),
  }),
  poisson: fields<Extract<Arrivals, { kind: "poisson" }>>({
    kind: needed(oneOf("poisson")),
    perMinute: needed(positive),
  }),
  bursts: fields<Bursts>({ kind: needed(oneOf("bursts")), size: needed(count()), everyMs: needed(amount) }),
}
const names = fields<Record<"kind" | "workers" | "thinkMs" | "pause" | "perMinute" | "size" | "everyMs", unknown>>({
  kind: anything,
  workers: anything,
  thinkMs: anything,
  pause: anything,
  perMinute: anything,
  size: anything,
  everyMs: anything,
})
const isKnown = be('an object with kind "workers", "poisson" or "bursts"', (value) => {
  return Object.hasOwn(byKind, String((value as Partial<Arrivals> | null)?.kind))
})

const stream: Shape<TrafficStream> = {
  calls: needed(count(0)),
  arrivals: needed((value) => names(value) ?? isKnown(value) ?? byKind[(value as Arrivals).kind](value)),
  inputTokens: needed(size),
  outputTokens: needed(size),
  maxTokens: positive,
  fromMs: amount,
  priority: number,
  tenant: text,
  estimate: amount,
  aborted: fields<NonNullable<TrafficStream["aborted"]>>({ share: needed(between(0, 1)), withinMs: needed(amount) }),
}

export const trafficChecks: Shape<TrafficShape> = { name: needed(text), streams: needed(listOf(fields(stream))) }
