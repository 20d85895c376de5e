import type { Clock } from "@sluice/core"
import { onAbort } from "@sluice/scheduler"
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

/** Sends it again as soon as there is a permit that nobody else wants, unless it is over before; `quit` gives that one up. */
type SendAgain<E> = (over: AbortSignal, quit: AbortSignal) => Promise<{ readonly sent: Promise<E> } | undefined>

/** What is done about answers that do not come, by what answers to calls alike have taken. */
export class SlowAnswers {
  readonly #clock: Clock
  readonly #hedge: Required<HedgeOptions> | undefined
  readonly #timeout: AdaptiveTimeout | undefined
  readonly #latency = new LearnedLatency()
  #calls = 0
  /** Sent twice, or about to be. */
  #hedges = 0
  /** Calls of kinds of which too little is known to say what is slow. */
  readonly #untold = new Map<string, Set<() => void>>()
  /** Calls that are slow while as many are sent twice as may be. */
  readonly #beyondShare = new Set<() => void>()

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
   * Sends a call, and once more where that is slow, as soon as `again` has a permit that nobody waits for and the share allows:
   * the first answer is returned, the other attempt is given up.
   */
  async send<E extends TimedEnd>(call: TimedCall, first: SendCall<E>, again: SendAgain<E>): Promise<E> {
    const startMs = this.#clock.now()
    const sent = await this.#hedged(kindOf(call), first, again)
    if ("response" in sent) this.heard(call, this.#clock.now() - startMs)
    return sent
  }

  /** An answer took so long, or did not come within it. */
  heard(call: TimedCall, ms: number): void {
    const kind = kindOf(call)
    this.#latency.add(kind, ms)
    const waiting = this.#untold.get(kind)
    if (waiting && this.#lateMs(kind) !== undefined) for (const go of waiting) go()
  }

  #hedged<E extends TimedEnd>(kind: string, first: SendCall<E>, again: SendAgain<E>): Promise<E> {
    if (!this.#hedge) return first(undefined)
    this.#calls++
    this.#widen()
    const over = new AbortController()
    return firstAnswer<E>(over, async (enter) => {
      const slow = new AbortController()
      const running = first(slow.signal)
      const onEnd = (): void => over.abort(answeredElsewhere)
      running.then(onEnd, onEnd)
      enter(running, slow)
      // The second may fail, or hang as well: it is one more that is late then.
      for (;;) {
        const quick = new AbortController()
        const second = await this.#whenLate(kind, (signal) => again(signal, quick.signal), over.signal)
        if (!second) return
        enter(second.sent, quick)
      }
    })
  }

  /** Sends it again once the call is late, one more may be sent twice and there is a permit; not any more once it is over. */
  async #whenLate<S>(
    kind: string,
    again: (over: AbortSignal) => Promise<S | undefined>,
    over: AbortSignal,
  ): Promise<S | undefined> {
    const startMs = this.#clock.now()
    if (this.#lateMs(kind) === undefined) await unlessOver(over, (go) => this.#untilTold(kind, go))
    const leftMs = startMs + (this.#lateMs(kind) ?? 0) - this.#clock.now()
    if (leftMs > 0) await unlessOver(over, (go) => this.#clock.setTimer(leftMs, go))
    if (over.aborted) return undefined
    let mayBe = this.#mayHedge
    if (mayBe) this.#hedges++
    else
      await unlessOver(over, (go) => {
        const enter = (): void => {
          mayBe = true
          go()
        }
        this.#beyondShare.add(enter)
        return () => this.#beyondShare.delete(enter)
      })
    if (!mayBe) return undefined
    const sent = over.aborted ? undefined : await again(over)
    if (!sent) {
      this.#hedges--
      this.#widen()
    }
    return sent
  }

  #lateMs(kind: string): number | undefined {
    return this.#latency.quantile(kind, this.#hedge!.quantile)
  }

  /** Returns what forgets it. */
  #untilTold(kind: string, go: () => void): () => void {
    const waiting = this.#untold.get(kind) ?? new Set()
    this.#untold.set(kind, waiting.add(go))
    return () => {
      waiting.delete(go)
      if (waiting.size === 0) this.#untold.delete(kind)
    }
  }

  get #mayHedge(): boolean {
    return this.#hedges + 1 <= this.#hedge!.maxShare * this.#calls
  }

  /** More calls, or one that need not be sent twice: who has been slow for longest may be. */
  #widen(): void {
    for (const enter of this.#beyondShare) {
      if (!this.#mayHedge) return
      this.#hedges++
      enter()
    }
  }
}

/** Resolves when what `begin` waits for calls `go`, or the call is over. */
function unlessOver(over: AbortSignal, begin: (go: () => void) => () => void): Promise<void> {
  if (over.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      forget()
      resolve()
    }
    const cancel = begin(end)
    const forget = onAbort(over, end)
  })
}

/** Why an attempt was given up although the caller still waits: another has answered. */
export const answeredElsewhere: Error = new Error("another attempt has answered")

/** The first that brings an answer; if none does of all that `begin` enters until it ends, the first failure. */
function firstAnswer<E extends TimedEnd>(
  over: AbortController,
  begin: (enter: (sent: Promise<E>, abort: AbortController) => void) => Promise<void>,
): Promise<E> {
  return new Promise((resolve, reject) => {
    const running = new Set<AbortController | undefined>([undefined])
    let failed: E | undefined
    let isAnswered = false
    const ended = (abort: AbortController | undefined): void => {
      running.delete(abort)
      if (running.size === 0 && failed) resolve(failed)
    }
    const enter = (sent: Promise<E>, abort: AbortController): void => {
      running.add(abort)
      sent.then((one) => {
        if (!("response" in one)) failed ??= one
        // Both came in the same moment.
        else if (isAnswered) one.response.body?.cancel().catch(() => {})
        else {
          isAnswered = true
          over.abort(answeredElsewhere)
          for (const other of running) if (other !== abort) other?.abort(answeredElsewhere)
          resolve(one)
        }
        ended(abort)
      }, reject)
    }
    begin(enter).then(() => ended(undefined), reject)
  })
}

/** Calls whose answers take about as long: of one account and model, streamed or of about the same longest answer. */
function kindOf({ account, facts }: TimedCall): string {
  const { model, stream, maxOutputTokens } = facts
  const size = stream ? "stream" : maxOutputTokens === undefined ? "any" : Math.round(Math.log2(maxOutputTokens + 1))
  return `${account.label} ${model} ${size}`
}
