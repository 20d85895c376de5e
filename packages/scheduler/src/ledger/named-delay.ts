import { amountOf } from "../limits/budget.ts"
import type { RateLimit } from "../limits/rate/rate-limit.ts"
import * as tuned from "../limits/tuned.ts"
import type { SentCall } from "../quota/ledger.ts"
import type { Throttled } from "./refusal-facts.ts"

/**
 * The delay that refusals name. Some gateways name the same with each, whatever is true, and some vendors do bar for as long whoever exceeds
 * a limit. Only a call that leaves before it has passed tells the one from the other.
 *
 * @example
 * ```ts
 * const refused = { outcome: "throttled", reason: "rate", retryAfterMs: 60_000 } as const
 * const call = { cost: {}, admittedMs: 0, place: true, inFlight: 1, anchors: [] }
 * const delay = new NamedDelay()
 * const credited = (nowMs: number) => delay.credited(nowMs, call, refused, true, 0, []).retryAfterMs
 * credited(0) // => 60000
 * credited(70_000) // => 15000
 * credited(90_000) // => undefined
 * ```
 */
export class NamedDelay {
  #ms = 0
  #atMs = 0
  /** Congestion events in a row that named it. */
  #events = 0
  #isUntrue = false

  /**
   * A refusal for a rate with as much of its delay as is believed: a quarter, once, as the second event in a row names it, and then the rest.
   * `fruitless`: so many events in a row, with this one, between which nothing was admitted.
   */
  credited(
    nowMs: number,
    call: SentCall,
    said: Throttled,
    isNew: boolean,
    fruitless: number,
    limits: readonly RateLimit[],
  ): Throttled {
    // Nothing was admitted since the event before: its delay was true, whatever else was said.
    const short = fruitless > 0 ? said : untilFull(said, call)
    if (short !== said) return short
    const { retryAfterMs = 0, ...rest } = said
    if (isNew) this.#heard(nowMs, retryAfterMs, fruitless, limits)
    if (this.#isUntrue) return rest
    const isTried = this.#events === 2 + fruitless && this.#ms >= tuned.longDelayMs
    const share = fruitless > 0 ? 1 - tuned.tried : tuned.tried
    return isTried ? { ...rest, retryAfterMs: retryAfterMs * share } : said
  }

  #heard(nowMs: number, ms: number, fruitless: number, limits: readonly RateLimit[]): void {
    if (ms !== this.#ms || fruitless > tuned.fewCalls) {
      this.#events = 0
      this.#isUntrue = false
    } else if (!this.#isUntrue && fruitless === 0 && nowMs - this.#atMs < ms / 2) {
      // Calls were admitted long before it had passed, and what it taught is not true either.
      this.#isUntrue = true
      for (const limit of limits) {
        if (limit.isGuessed) limit.depth.refused(nowMs, 1)
        else limit.rate.reset()
        limit.span.begin(nowMs, undefined)
      }
    }
    this.#ms = ms
    this.#atMs = nowMs
    this.#events++
  }
}

/**
 * A refusal for a rate with no longer a delay than its own headers allow: the limit that it names is empty, and full again sooner. Some gateways
 * name the same delay with every refusal.
 */
function untilFull(end: Throttled, { cost }: SentCall): Throttled {
  const { dimension, retryAfterMs = 0, limits } = end
  const { resetMs, remaining = Infinity } = limits?.find((one) => one.dimension === dimension) ?? {}
  if (!resetMs || resetMs >= retryAfterMs) return end
  return remaining < amountOf(cost, dimension!) ? { ...end, retryAfterMs: resetMs } : end
}
