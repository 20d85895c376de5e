import type { Cost, Permit, Settlement } from "@sluice/core"
import { chargedFor, isPlausible, learnFrom } from "../accounts/accounting.ts"
import { readFailure } from "../call/attempt/attempt-end.ts"
import { endCode } from "../call/failure/ending.ts"
import type { CallTold } from "../call/telling/events.ts"
import type { CallReport } from "../call/telling/report.ts"
import { unlessItThrows } from "../vendors/unless-it-throws.ts"
import { okVerdict } from "../call/failure/verdict.ts"
import { aiGateway } from "../vendors/ai-gateway.ts"
import { at, textAt } from "../vendors/reading/json-path.ts"
import type { Usage } from "../vendors/vendor.ts"
import type { ModelCallFacts, ModelLedger } from "./model-call.ts"
import { ToldAnswer } from "./told-answer.ts"
import { headersOf, thrownAnswer } from "./thrown-answer.ts"
import type { PartsWatcher } from "./watched-parts.ts"

const outputPart = /^(?:text|reasoning|tool-input)-delta$/

/** One call of the model under one permit. */
export class ModelAttempt {
  readonly #ledger: ModelLedger
  readonly #call: ModelCallFacts
  readonly #report: CallReport
  readonly #permit: Permit
  readonly #estimate: Cost
  readonly #told: ToldAnswer
  readonly #startMs: number
  #firstMs: number | undefined
  #isSettled = false

  constructor(ledger: ModelLedger, call: ModelCallFacts, report: CallReport, permit: Permit, estimate: Cost) {
    this.#ledger = ledger
    this.#call = call
    this.#report = report
    this.#permit = permit
    this.#estimate = estimate
    this.#told = new ToldAnswer(report.facts())
    this.#startMs = ledger.clock.now()
  }

  /** The answer is whole: `result` has the model's own counts, and the vendor's headers where the provider keeps them. */
  answered(result: unknown): void {
    const headers = this.#seen(result)
    this.#told.whole(result)
    this.#succeed(aiGateway.usage(result), headers)
  }

  /** Reads a streamed answer along. */
  streaming(result: unknown): PartsWatcher {
    const headers = this.#seen(result)
    let usage: Usage | undefined
    let pieces = 0
    return {
      part: (part) => {
        const type = textAt(part, "type") ?? ""
        this.#told.part(type, part)
        if (outputPart.test(type)) {
          pieces++
          this.#firstMs ??= this.#ledger.clock.now()
        } else if (type === "finish") usage = aiGateway.usage(part)
        else if (type === "error") this.#failed(at(part, "error"), pieces)
      },
      end: (error) => (error === undefined ? this.#succeed(usage, headers) : this.#leave(pieces, error)),
      leave: () => this.#leave(pieces),
    }
  }

  /** The headers of an answer that came over HTTP; what a provider has no word of is no request that could be told. */
  #seen(result: unknown): Headers {
    const told = at(result, "response", "headers")
    const headers = headersOf(told)
    if (told !== undefined) this.#report.answered({ status: 200, headers })
    return headers
  }

  #succeed(usage: Usage | undefined, headers: Headers): void {
    const { vendor } = this.#call
    const { clock } = this.#ledger
    const answer = { status: 200, headers, body: undefined }
    const feedback = unlessItThrows(() => vendor.feedback(answer, okVerdict, clock.wallNow()))
    const heard = feedback?.limits ? { limits: feedback.limits } : {}
    const latency = {
      totalMs: clock.now() - this.#startMs,
      ...(this.#firstMs === undefined ? {} : { firstTokenMs: this.#firstMs - this.#startMs }),
    }
    const end: CallTold = { status: "ok" }
    if (!usage || !isPlausible(usage))
      return this.#settle(end, { outcome: "success", ...heard, latency }, this.#estimate)
    learnFrom(this.#call, usage, "counted")
    const actual = chargedFor(this.#call, this.#estimate, usage, true)
    const { outputTokens } = usage
    this.#settle(end, { outcome: "success", actual, ...heard, latency: { ...latency, outputTokens } }, usage, usage)
  }

  /** An error inside the stream. The caller gets it as it is. */
  #failed(error: unknown, pieces: number): void {
    const answer = thrownAnswer(error)
    const spent = pieces > 0 ? { ...this.#estimate, outputTokens: pieces } : undefined
    if (!answer)
      return this.#settle({ status: "failed", error: endCode(error) }, { outcome: "ignored", actual: spent }, spent)
    const { verdict, end } = readFailure(this.#call.vendor, answer, this.#ledger.clock.wallNow())
    this.#settle({ status: "failed", error: verdict.code }, end, spent)
  }

  /** The vendor has worked on what nobody reads to its end: about one token in each piece. */
  #leave(pieces: number, error?: unknown): void {
    const spent = { ...this.#estimate, outputTokens: pieces }
    const isFailed = error !== undefined && !(error instanceof Error && error.name === "AbortError")
    const end: CallTold = isFailed ? { status: "failed", error: endCode(error) } : { status: "cancelled" }
    this.#settle(end, { outcome: "ignored", actual: spent }, spent)
  }

  #settle(told: CallTold, end: Settlement, spent: Cost | undefined, counted?: Usage): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#permit.settle(end)
    if (spent) {
      const {
        inputTokens = 0,
        outputTokens = 0,
        cachedInputTokens = 0,
        cacheWriteTokens = 0,
      } = {
        ...spent,
        ...counted,
      }
      this.#report.spent({ inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens }, counted !== undefined)
    }
    this.#report.over({ ...told, firstMs: this.#firstMs, facts: this.#told.facts })
  }
}
