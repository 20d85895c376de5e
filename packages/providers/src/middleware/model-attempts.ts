import { type Clock, type Cost, currentScope, type Limiter, type Permit } from "@sluice/core"
import { type QuotaOptions, systemClock } from "@sluice/scheduler"
import { certainOf, estimateOf } from "../accounts/accounting.ts"
import { LearnedTokens } from "../accounts/token-estimate.ts"
import { readFailure } from "../call/attempt/attempt-end.ts"
import { endCode } from "../call/failure/ending.ts"
import { CallReport } from "../call/telling/report.ts"
import { SendTurns } from "../call/send-turns.ts"
import { callOptions } from "../call/with-call.ts"
import { limitedFetchDefaults } from "../options.ts"
import { aiGateway } from "../vendors/ai-gateway.ts"
import type { Verdict } from "../vendors/vendor.ts"
import { ModelAttempt } from "./model-attempt.ts"
import type { ModelCallFacts, ModelLedger, ModelParams, NamedModel } from "./model-call.ts"
import { providerVendor } from "./provider-vendor.ts"
import { thrownAnswer } from "./thrown-answer.ts"

/** The calls of wrapped models under one limiter: each is admitted, sent, and settled in every case, once. */
export class ModelAttempts {
  readonly #limiter: Limiter
  readonly #ledger: ModelLedger
  /** A limiter of somebody else's may have another clock. */
  readonly #ownClock: Clock | undefined
  readonly #learned = new Map<string, LearnedTokens>()
  readonly #turns: SendTurns

  /** `own`: the options of a limiter that was made here. */
  constructor(limiter: Limiter, { own }: { readonly own?: QuotaOptions }) {
    this.#limiter = limiter
    this.#ownClock = own && (own.clock ?? systemClock)
    const onEvent = own?.onEvent
    this.#ledger = { clock: this.#ownClock ?? systemClock, warned: new Set(), ...(onEvent ? { onEvent } : {}) }
    this.#turns = new SendTurns(this.#ledger.clock)
  }

  /** The parameters, cancelled also with the item that makes the call. */
  withItemSignal<P extends ModelParams>(params: P): P {
    const signal = currentScope()?.signal
    if (!signal || signal === params.abortSignal) return params
    return { ...params, abortSignal: params.abortSignal ? AbortSignal.any([params.abortSignal, signal]) : signal }
  }

  async run<R>(
    model: NamedModel,
    params: ModelParams,
    stream: boolean,
    send: (attempt: ModelAttempt) => Promise<R>,
  ): Promise<R> {
    const call = this.#facts(model, params, stream)
    const report = new CallReport(this.#ledger, currentScope())
    return report.within(call, () => this.#untilAnswered(call, report, params.abortSignal, send))
  }

  async #untilAnswered<R>(
    call: ModelCallFacts,
    report: CallReport,
    signal: AbortSignal | undefined,
    send: (attempt: ModelAttempt) => Promise<R>,
  ): Promise<R> {
    for (let refusals = 0; ; refusals++) {
      let permit: Permit | undefined
      try {
        const turn = this.#turns.take(signal)
        if (turn) await turn
        const estimate = estimateOf(call)
        permit = await this.#admit(call, estimate, signal, report.startMs)
        report.sent()
        return await send(new ModelAttempt(this.#ledger, call, report, permit, estimate))
      } catch (error) {
        const isAborted = signal?.aborted ?? false
        const verdict = permit && this.#settleFailure(call, report, permit, error, isAborted)
        const mayWait = verdict?.kind === "wait" || verdict?.kind === "reduce"
        if (mayWait && refusals < limitedFetchDefaults.maxRefusals) continue
        report.over({ status: isAborted ? "cancelled" : "failed", error: verdict?.code ?? endCode(error) })
        throw error
      }
    }
  }

  #facts({ provider, modelId }: NamedModel, params: ModelParams, stream: boolean): ModelCallFacts {
    const name = `${provider}/${modelId}`
    const learned = this.#learned.get(name) ?? new LearnedTokens()
    this.#learned.set(name, learned)
    const endpoint = "language-model"
    const { tenant } = callOptions(currentScope())
    return {
      vendor: providerVendor(provider),
      endpoint,
      facts: aiGateway.read(params, { endpoint, model: modelId, stream }),
      learned,
      price: undefined,
      account: { label: provider },
      admitOptions: tenant === undefined ? {} : { tenant },
      // The provider has the keys, and keeps them.
      hide: (text) => text,
      body: this.#ledger.onEvent?.wantsContent === true ? { text: promptText(params.prompt) } : {},
    }
  }

  /** Who was refused keeps its place in time. */
  #admit(call: ModelCallFacts, estimate: Cost, signal: AbortSignal | undefined, sinceMs: number): Promise<Permit> {
    const scope = currentScope()
    const { priority = scope?.priority, tenant, maxWaitMs } = callOptions(scope)
    const leftMs = maxWaitMs && Math.max(0, sinceMs + maxWaitMs - this.#ledger.clock.now())
    return this.#limiter.admit(estimate, {
      certain: certainOf(call, estimate),
      ...(signal ? { signal } : {}),
      ...(priority === undefined ? {} : { priority }),
      ...(tenant === undefined ? {} : { tenant }),
      ...(leftMs === undefined ? {} : { maxWaitMs: leftMs }),
      ...(this.#ownClock ? { since: sinceMs } : {}),
    })
  }

  /** What the vendor said, if it was the vendor. */
  #settleFailure(
    { vendor }: ModelCallFacts,
    report: CallReport,
    permit: Permit,
    error: unknown,
    isAborted: boolean,
  ): Verdict | undefined {
    const answer = isAborted ? undefined : thrownAnswer(error)
    if (!answer) {
      const isDown = !isAborted && (error as { isRetryable?: unknown } | undefined)?.isRetryable === true
      permit.settle({ outcome: isDown ? "failed" : "ignored" })
      return undefined
    }
    const { verdict, end } = readFailure(vendor, answer, this.#ledger.clock.wallNow())
    report.told({ verdict, response: answer })
    permit.settle(end)
    return verdict
  }
}

/** A prompt in the AI SDK's form, without the bytes of what is attached. */
function promptText(prompt: unknown): string {
  return JSON.stringify({ prompt }, (_name, value: unknown) => (value instanceof Uint8Array ? undefined : value))
}
