import type { Clock } from "@sluice/core"
import { LearnedLatency } from "../accounts/learned-latency.ts"
import type { AdaptiveTimeout, HedgeOptions } from "./slow-options.ts"

/** What of a call tells how long its answer takes. */
interface TimedCall {
  readonly account: { readonly label: string }
  readonly facts: { readonly model: string; readonly stream: boolean; readonly maxOutputTokens?: number }
}

/** What came of sending it. */
type TimedEnd = { readonly response: Response } | { readonly failure: unknown }

// Less is no sign of anything: a name to look up, a connection to make.
const leastTimeoutMs = 1_000

/** Sends a request; the signal gives it up. */
type SendCall<E> = (signal: AbortSignal | undefined) => Promise<E>

/** What is done about answers that do not come, by what answers to calls alike have taken. */
export class SlowAnswers {
  readonly #clock: Clock
  readonly #hedge: Required<HedgeOptions> | undefined
  readonly #timeout: AdaptiveTimeout | undefined
  readonly #latency = new LearnedLatency()
  #calls = 0
  #hedges = 0

  constructor(clock: Clock, hedge: HedgeOptions | undefined, timeout: AdaptiveTimeout | undefined) {
    this.#clock = clock
    this.#hedge = hedge && { quantile: hedge.quantile ?? 0.98, maxShare: hedge.maxShare ?? 0.02 }
    this.#timeout = timeout
  }

  /** How long an attempt may take at most; `tries`: how often this call was given up for that already. */
  limitMs(call: TimedCall, tries: number): number | undefined {
    if (!this.#timeout) return undefined
    const usualMs = this.#latency.quantile(kindOf(call), 0.5)
    // Twice the time for the next try: where the vendor has become slower, that is learned, and no call is given up for ever.
    return usualMs && Math.max(leastTimeoutMs, usualMs * this.#timeout.times * 2 ** tries)
  }

  /**
   * Sends a call, and once more where that is slow and `again` has a permit that nobody waits for: the first answer is
   * returned, the other attempt is given up.
   */
  async send<E extends TimedEnd>(
    call: TimedCall,
    first: SendCall<E>,
    again: () => SendCall<E> | undefined,
  ): Promise<E> {
    const startMs = this.#clock.now()
    const sent = await this.#hedged(kindOf(call), first, again)
    if ("response" in sent) this.heard(call, this.#clock.now() - startMs)
    return sent
  }

  /** An answer took so long, or did not come within it. */
  heard(call: TimedCall, ms: number): void {
    this.#latency.add(kindOf(call), ms)
  }

  async #hedged<E extends TimedEnd>(
    kind: string,
    first: SendCall<E>,
    again: () => SendCall<E> | undefined,
  ): Promise<E> {
    this.#calls++
    const { quantile, maxShare = 0 } = this.#hedge ?? {}
    const lateMs = quantile === undefined ? undefined : this.#latency.quantile(kind, quantile)
    if (lateMs === undefined) return first(undefined)
    const slow = new AbortController()
    const running = first(slow.signal)
    const isLate = await this.#isLate(running, lateMs)
    const second = isLate && this.#hedges + 1 <= maxShare * this.#calls ? again() : undefined
    if (!second) return running
    this.#hedges++
    const quick = new AbortController()
    return firstAnswer([
      { sent: running, abort: slow },
      { sent: second(quick.signal), abort: quick },
    ])
  }

  #isLate(running: Promise<unknown>, lateMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const disarm = this.#clock.setTimer(lateMs, () => resolve(true))
      const onEnd = (): void => {
        disarm()
        resolve(false)
      }
      running.then(onEnd, onEnd)
    })
  }
}

/** Why an attempt was given up although the caller still waits: another has answered. */
export const answeredElsewhere: Error = new Error("another attempt has answered")

interface RacingAttempt<E> {
  readonly sent: Promise<E>
  readonly abort: AbortController
}

/** The first that brings an answer; if none does, the first failure. */
function firstAnswer<E extends TimedEnd>(racers: readonly RacingAttempt<E>[]): Promise<E> {
  return new Promise((resolve, reject) => {
    let failed: E | undefined
    let left = racers.length
    let isOver = false
    for (const { sent, abort } of racers) {
      sent.then((one) => {
        left--
        if (isOver) {
          // Both came in the same moment.
          if ("response" in one) one.response.body?.cancel().catch(() => {})
        } else if ("response" in one) {
          isOver = true
          for (const other of racers) if (other.abort !== abort) other.abort.abort(answeredElsewhere)
          resolve(one)
        } else if (left === 0) resolve(failed ?? one)
        else failed = one
      }, reject)
    }
  })
}

/** Calls whose answers take about as long: of one account and model, streamed or of about the same longest answer. */
function kindOf({ account, facts }: TimedCall): string {
  const { model, stream, maxOutputTokens } = facts
  const size = stream ? "stream" : maxOutputTokens === undefined ? "any" : Math.round(Math.log2(maxOutputTokens + 1))
  return `${account.label} ${model} ${size}`
}
