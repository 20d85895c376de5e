import { type Cost, currentScope, type Permit, SluiceError, type TaskScope } from "@sluice/core"
import { attemptLoop, retryDecision, type RetryDecision, retryDefaults, sleep } from "@sluice/scheduler"
import { estimateOf, likelyUsage } from "../accounts/accounting.ts"
import { readBody } from "../http/body.ts"
import { fetchOnOrigin, type Sender } from "../http/sending/on-origin.ts"
import { openFiles, mostUnsent, outOfFiles } from "../http/open-files.ts"
import { type FetchInput, headerReader, withHeader } from "../http/request.ts"
import { limitedFetchDefaults } from "../options.ts"
import type { ModelCall, Vendor } from "../vendors/vendor.ts"
import { CallAdmission, maxWaitOf } from "./call-admission.ts"
import type { CallAttemptEnd, SentAttempt } from "./attempt/attempt.ts"
import type { SlowAnswers } from "./slow-answers.ts"
import type { FetchContext } from "./context.ts"
import { AttemptFailure } from "./failure/attempt-failure.ts"
import { accountRefused, type Ending, endCode, endingOf } from "./failure/ending.ts"
import type { FailedAttempt } from "./failure/vendor-error.ts"
import { attemptsInWords } from "./telling/attempts-in-words.ts"
import { markedResponse } from "../http/response.ts"
import { prepareCall } from "./prepare.ts"
import type { PreparedCall } from "./prepared-call.ts"
import { CallReport, requestIdOf } from "./telling/report.ts"
import { sendAttempt } from "./attempt/send.ts"
import { settleAttempt } from "./attempt/settle.ts"

/** One call to a model, from the caller's `fetch` to the final answer: its attempts, and what they share. */
export class ModelRequest {
  readonly #context: FetchContext
  readonly #vendor: Vendor
  readonly #call: ModelCall
  readonly #url: URL
  readonly #input: FetchInput
  #init: RequestInit | undefined
  readonly #header: (name: string) => string | null
  readonly #scope: TaskScope | undefined = currentScope()
  readonly #failed: FailedAttempt[] = []
  readonly #signal: AbortSignal | undefined
  readonly #report: CallReport
  #prepared!: PreparedCall
  #admission!: CallAdmission
  /** The caller's own idempotency key. */
  #hasOwnKey = false
  /** Attempts that took too long by what is usual. */
  #timesGivenUp = 0
  #ending: Ending = "answered"
  #lastFailure: AttemptFailure | undefined
  #slow: SlowAnswers | undefined
  #refusals = 0

  constructor(context: FetchContext, vendor: Vendor, call: ModelCall, url: URL, input: FetchInput, init?: RequestInit) {
    this.#context = context
    this.#vendor = vendor
    this.#call = call
    this.#url = url
    this.#input = input
    this.#init = init
    this.#header = headerReader(input, init)
    this.#report = new CallReport(context, this.#scope, url)
    this.#signal = eitherSignal(
      init?.signal ?? (input instanceof Request ? input.signal : undefined),
      this.#scope?.signal,
    )
  }

  get #waitSignal(): AbortSignal {
    return this.#context.closing.either(this.#signal)
  }

  /** Once `run` has settled. */
  get ending(): Ending {
    return this.#ending
  }

  async run(): Promise<Response> {
    this.#signal?.throwIfAborted()
    const request = this.#input instanceof Request && this.#input.body ? this.#input : undefined
    const isJson = (): boolean => this.#header("content-type")?.includes("json") ?? false
    const reading = readBody(this.#init?.body ?? request, isJson, () => this.#waitSignal)
    this.#prepare(reading instanceof Promise ? await reading : reading)
    return this.#report.within(this.#prepared, () => this.#untilAnswered())
  }

  async #untilAnswered(): Promise<Response> {
    const signal = this.#signal
    const { clock, random, budget, retry, closing, slow } = this.#context
    if (slow) this.#slow = await slow()
    try {
      return await attemptLoop(() => this.#admitAndSend(), {
        maxAttempts: this.#prepared.body.repeatable ? (retry?.maxAttempts ?? retryDefaults.maxAttempts) : 1,
        decide: (error, attempt) => this.#decide(error, attempt),
        clock,
        random,
        budget,
        maxWaitMs: maxWaitOf(this.#context, this.#scope),
        signal,
        waitSignal: closing.signal,
        onDecision: (error, _attempt, decision) => this.#decided(error, decision),
      })
    } catch (error) {
      this.#ending = endingOf(error)
      this.#report.over({ status: signal?.aborted ? "cancelled" : "failed", error: endCode(error) })
      return this.#final(error)
    }
  }

  #prepare(body: Awaited<ReturnType<typeof readBody>>): void {
    const context = this.#context
    const of = { scope: this.#scope, signal: this.#signal }
    const asked = { vendor: this.#vendor, call: this.#call, url: this.#url, header: this.#header, ...of }
    this.#prepared = prepareCall(context, asked, body)
    this.#admission = new CallAdmission(context, this.#prepared, { ...of, startMs: this.#report.startMs })
    const { idempotencyHeader } = this.#vendor
    if (body.replacement) this.#init = { ...this.#init, body: body.replacement }
    this.#hasOwnKey = idempotencyHeader !== undefined && this.#header(idempotencyHeader) !== null
    if (idempotencyHeader !== undefined && !this.#hasOwnKey) {
      // One key for all attempts: to the vendor they are one call.
      this.#init = withHeader(this.#input, this.#init, idempotencyHeader, newIdempotencyKey(context.random))
    }
    if (this.#isRepeatedByOthers(body.text))
      void this.#context.rare().then(({ warnOfStack }) => warnOfStack(this.#report.events))
  }

  #isRepeatedByOthers(body: string | undefined): boolean {
    if (this.#context.warned.has("stacked-retries")) return false
    if (Number(this.#header("x-stainless-retry-count") ?? 0) > 0) return true
    return body !== undefined && this.#prepared.account.failedCalls.has(body, this.#report.startMs)
  }

  /** One attempt. A refusal is part of it: the quota's gate says when, so it counts apart from the vendor's failures. */
  async #admitAndSend(): Promise<Response> {
    const maxRefusals = this.#prepared.body.repeatable
      ? (this.#context.retry?.maxRefusals ?? limitedFetchDefaults.maxRefusals)
      : 0
    // Who is refused keeps its place in time; after a failure it queues anew, or one call would be every probe of an outage.
    const since = this.#context.clock.now()
    for (let refusals = 0, unsent = 0; ; refusals++) {
      const turn = this.#context.turns.take(this.#signal)
      if (turn) await turn
      const estimate = estimateOf(this.#prepared)
      const permit = await this.#admission.permit(estimate, refusals > 0 || unsent > 0 ? since : undefined)
      const send = (signal?: AbortSignal): Promise<SentAttempt> => this.#sendAndSettle(permit, estimate, signal)
      const sent = await (this.#slow?.send(this.#prepared, send, (...ends) => this.#hedge(estimate, ...ends)) ?? send())
      if ("response" in sent) {
        // Its stack leads to whoever holds the answer: a stream that nobody reads would be kept by what waits for its loss.
        this.#lastFailure = undefined
        return sent.response
      }
      const { failure } = sent
      if (!(failure instanceof AttemptFailure)) throw failure
      if (outOfFiles(failure.cause) && maxRefusals > 0 && unsent < mostUnsent) {
        // Nothing was sent, and the vendor has no part in it.
        this.#report.unsent()
        refusals--
        openFiles.shrink()
        await sleep(this.#context.clock, Math.min(1000, 10 * 2 ** unsent++), this.#waitSignal)
        continue
      }
      this.#lastFailure = failure
      const { kind, code } = failure.verdict
      if ((kind !== "wait" && kind !== "reduce") || refusals >= maxRefusals) throw failure
      this.#decided(failure, { retry: true, reason: code })
    }
  }

  /** Sends it once more, beside the attempt that is under way. Never where the caller says that it must be made once. */
  async #hedge(
    estimate: Cost,
    over: AbortSignal,
    quit: AbortSignal,
  ): Promise<{ readonly sent: Promise<SentAttempt> } | undefined> {
    if (!this.#prepared.body.repeatable || this.#hasOwnKey) return undefined
    const permit = await this.#admission.sparePermit(estimate, over)
    if (!permit) return undefined
    if (over.aborted) {
      permit.settle({ outcome: "ignored", actual: { requests: 0 } })
      return undefined
    }
    const verdict = { kind: "retry", code: "slow", message: "" } as const
    this.#report.told({ verdict, response: undefined, gaveUp: "hedged" })
    return { sent: this.#sendAndSettle(permit, estimate, quit, this.#withNewKey()) }
  }

  /** `quit`: gives the attempt up, and nobody waits for it any more. */
  async #sendAndSettle(
    permit: Permit,
    estimate: Cost,
    quit: AbortSignal | undefined,
    init = this.#init,
  ): Promise<SentAttempt> {
    const report = this.#report
    report.sent()
    const { clock, fetch, rare } = this.#context
    const sender: Sender = { fetch, follow: async (...asked) => (await rare()).followRedirects(...asked) }
    const attempt = {
      context: this.#context,
      prepared: this.#prepared,
      estimate,
      signal: eitherSignal(quit, this.#signal),
      startMs: clock.now(),
      usualLimitMs: this.#slow?.limitMs(this.#prepared, this.#timesGivenUp),
      facts: report.facts(),
    }
    const sent = await sendAttempt(attempt, (signal) => fetchOnOrigin(sender, this.#input, { ...init, signal }))
    const settle = (end: CallAttemptEnd): void =>
      settleAttempt(attempt, permit, report, quit?.aborted ? this.#givenUp(end) : end)
    if (typeof sent.end === "function") sent.end(settle)
    else settle(sent.end)
    if ("response" in sent) report.answered(sent.response)
    else if (isAdaptive(sent.failure)) {
      this.#timesGivenUp++
      this.#slow?.heard(this.#prepared, clock.now() - attempt.startMs)
    }
    return sent
  }

  /** The vendor may have worked on what nobody waits for any more; the call itself goes on elsewhere. */
  #givenUp({ answered: _answered, ...end }: CallAttemptEnd): CallAttemptEnd {
    return { used: { usage: likelyUsage(this.#prepared), how: "unknown" }, ...end }
  }

  #withNewKey(): RequestInit | undefined {
    const { idempotencyHeader } = this.#vendor
    if (idempotencyHeader === undefined) return this.#init
    return withHeader(this.#input, this.#init, idempotencyHeader, newIdempotencyKey(this.#context.random))
  }

  #decide(error: unknown, attempt: number): RetryDecision {
    if (!(error instanceof AttemptFailure)) return { retry: false, reason: "error" }
    const { verdict, feedback } = error
    const { retryAfterMs } = feedback
    const failure = {
      retryable: verdict.kind === "retry",
      reason: verdict.code,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    }
    return retryDecision(failure, attempt, this.#context.retry?.backoff, this.#context.random)
  }

  #decided(error: unknown, decision: RetryDecision): void {
    if (!(error instanceof AttemptFailure)) return
    this.#lastFailure = error
    const { verdict, response, feedback } = error
    if (verdict.kind === "wait" || verdict.kind === "reduce") this.#refusals++
    const status = response?.status
    const requestId = response && requestIdOf(response.headers, this.#prepared.hide)
    const delayMs = decision.retry ? (decision.delayMs ?? feedback.retryAfterMs) : undefined
    this.#failed.push({
      attempt: this.#report.attempt,
      code: verdict.code,
      ...(status === undefined ? {} : { status }),
      ...(requestId ? { requestId } : {}),
      ...(delayMs === undefined ? {} : { delayMs }),
    })
    const gaveUp = verdict.kind === "retry" && !decision.retry ? decision.reason : undefined
    this.#report.told({ verdict, response, delayMs, gaveUp })
  }

  /** The vendor's answer as it is, and in a header of ours what an SDK's error would not say: that it is not the first. */
  #withAttempts(response: Response): Response {
    const made = this.#report.attempt
    if (made < 2) return response
    const ms = this.#context.clock.now() - this.#report.startMs
    return markedResponse(response, "x-sluice-attempts", attemptsInWords(made, this.#refusals, ms))
  }

  async #final(error: unknown): Promise<Response> {
    const { account, quota, body, marks } = this.#prepared
    // Errors of the request itself and aborts are nothing that an SDK repeats.
    if (this.#ending !== "final" && body.text !== undefined)
      account.failedCalls.add(body.text, this.#context.clock.now())
    if (error === accountRefused) return account.refusal(quota, marks)!
    if (SluiceError.isInstance(error)) {
      const last = this.#lastFailure?.response
      const response = error.code === "quota-exhausted" ? (account.refusal(quota, marks) ?? last) : last
      if (response && error.code !== "limiter-closed") return this.#withAttempts(response)
      throw error
    }
    if (!(error instanceof AttemptFailure)) throw error
    if (error.response) return this.#withAttempts(error.response)
    const { vendor, facts } = this.#prepared
    const call = { vendor: vendor.name, model: facts.model, attempts: this.#failed, made: this.#report.attempt }
    const { unanswered } = await this.#context.rare()
    throw unanswered(error.verdict, call, error.cause)
  }
}

function eitherSignal(first: AbortSignal | null | undefined, second: AbortSignal | undefined): AbortSignal | undefined {
  if (!first || first === second) return second
  return second ? AbortSignal.any([first, second]) : first
}

function isAdaptive(failure: unknown): boolean {
  return failure instanceof AttemptFailure && failure.verdict.message.includes("(adaptiveTimeout)")
}

function newIdempotencyKey(random: FetchContext["random"]): string {
  const digits = (): string => random.next().toString(36).slice(2, 14)
  return `sluice-${digits()}${digits()}`
}
