import type { Cost } from "@sluice/core"
import type { Ask } from "@sluice/scheduler"
import type { Amounts, Want } from "./turn.ts"

/** A cost as it goes over the wire. */
export function amountsOf({ requests = 1, inputTokens = 0, outputTokens = 0, usd = 0 }: Cost): Amounts {
  return [requests, inputTokens, outputTokens, usd]
}

/** The cost whose amounts they are. */
export function costOf([requests, inputTokens, outputTokens, usd]: Amounts): Cost {
  return { requests, inputTokens, outputTokens, usd }
}

/** How much of dimension `d` that is. */
export function amountIn(d: number, [requests, input, output, usd]: Amounts): number {
  if (d === 1) return requests
  if (d === 2) return input + output
  if (d === 3) return input
  return d === 4 ? output : usd
}

/** `a` less `b`. */
export function less(a: Amounts, b: Amounts): Amounts {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]]
}

export function plus(a: Amounts, b: Amounts): Amounts {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]]
}

export const nothing: Amounts = Object.freeze([0, 0, 0, 0])

export function wantOf({ cost, place, priority = 0 }: Ask): Want {
  return [...amountsOf(cost), place ? 1 : 0, Math.max(-1e9, priority)] // JSON knows no infinity.
}
