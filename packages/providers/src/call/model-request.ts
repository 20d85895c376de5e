import { type Cost, countInScope, currentScope, type Permit, SluiceError, type TaskScope } from "@sluice/core"
import { attemptLoop, retryDecision, type RetryDecision, retryDefaults, sleep } from "@sluice/scheduler"
import { AttemptFailure } from "./failure/attempt-failure.ts"
import { CallEvents } from "./events.ts"
import { accountRefused, type Ending, endingOf } from "./failure/ending.ts"
import type { FetchContext } from "./context.ts"
import { limitedFetchDefaults } from "../options.ts"
import { sharesOf } from "../items/group-scope.ts"
import { prepareCall, type PreparedCall } from "./prepare.ts"
import { dollarsAtMost } from "../accounts/dollars-at-most.ts"
import { usdOf } from "../accounts/prices.ts"
import { readBody } from "../http/body.ts"
import { openFiles, outOfFiles, withPlace } from "../http/open-files.ts"
import { fetchOnOrigin } from "../http/on-origin.ts"
import { type FetchInput, headerReader, withHeader } from "../http/request.ts"
import type { AttemptOwner, Counted, Exhausted } from "./attempt.ts"
import { sendAttempt } from "./send.ts"
import type { Learned, ModelCall, Usage, Vendor, Verdict } from "../vendors/vendor.ts"
import { okVerdict } from "./failure/verdict.ts"
import { callOptions } from "./with-call.ts"
import { type FailedAttempt, VendorError } from "./failure/vendor-error.ts"

/** Tries to open a connection while the process may not: some fifteen seconds. */
const mostUnsent = 20

/** One call to a model, from the caller's `fetch` to the final answer: its attempts, and what they share. */
export class ModelRequest implements AttemptOwner {
  readonly #context: FetchContext
  readonly #vendor: Vendor
  readonly #call: ModelCall
  readonly #url: URL
  readonly #input: FetchInput
  #init: RequestInit | undefined
  readonly #header: (name: string) => string | null
  readonly #scope: TaskScope | undefined = currentScope()
  readonly #events: CallEvents
  readonly #startMs: number
  readonly #failed: FailedAttempt[] = []
  readonly signal: AbortSignal | undefined
  #prepared!: PreparedCall
  #attempt = 0
  /** The stream of this attempt brought an error after its beginning was good. */
  #hasFailedLate = false
  #ending: Ending = "answered"
  #lastFailure: AttemptFailure | undefined

  constructor(context: FetchContext, vendor: Vendor, call: ModelCall, url: URL, input: FetchInput, init?: RequestInit) {
    this.#context = context
    this.#vendor = vendor
    this.#call = call
    this.#url = url
    this.#input = input
    this.#init = init
    this.#header = headerReader(input, init)
    this.#events = new CallEvents(context, this.#scope)
    this.#startMs = context.clock.now()
    this.signal = eitherSignal(
      init?.signal ?? (input instanceof Request ? input.signal : undefined),
      this.#scope?.signal,
    )
  }

  /** The shorter of what `limitedFetch` and `withCall` say. */
  get #maxWaitMs(): number | undefined {
    const bounds = [this.#context.maxWaitMs, callOptions(this.#scope).maxWaitMs].filter((each) => each !== undefined)
    return bounds.length === 0 ? undefined : Math.min(...bounds)
  }

  /** Once `run` has settled. */
  get ending(): Ending {
    return this.#ending
  }

  get prepared(): PreparedCall {
    return this.#prepared
  }

  get context(): FetchContext {
    return this.#context
  }

  async run(): Promise<Response> {
    const { signal } = this
    signal?.throwIfAborted()
    const request = this.#input instanceof Request && this.#input.body ? this.#input : undefined
    const isJson = (): boolean => this.#header("content-type")?.includes("json") ?? false
    const reading = readBody(this.#init?.body ?? request, isJson)
    this.#prepare(reading instanceof Promise ? await reading : reading)
    const { clock, random, budget, retry } = this.#context
    try {
      return await attemptLoop(() => this.#admitAndSend(), {
        maxAttempts: this.#prepared.body.repeatable ? (retry?.maxAttempts ?? retryDefaults.maxAttempts) : 1,
        decide: (error, attempt) => this.#decide(error, attempt),
        clock,
        random,
        budget,
        maxWaitMs: this.#maxWaitMs,
        signal,
        onDecision: (error, _attempt, decision) => this.#decided(error, decision),
      })
    } catch (error) {
      this.#ending = endingOf(error)
      return this.#final(error)
    }
  }

  #prepare(body: Awaited<ReturnType<typeof readBody>>): void {
    const context = this.#context
    const asked = {
      vendor: this.#vendor,
      call: this.#call,
      url: this.#url,
      header: this.#header,
      scope: this.#scope,
      signal: this.signal,
    }
    this.#prepared = prepareCall(context, asked, body)
    const { idempotencyHeader } = this.#vendor
    if (body.replacement) this.#init = { ...this.#init, body: body.replacement }
    if (idempotencyHeader !== undefined && this.#header(idempotencyHeader) === null) {
      // One key for all attempts: to the vendor they are one call.
      this.#init = withHeader(this.#input, this.#init, idempotencyHeader, newIdempotencyKey(context.random))
    }
    if (this.#isRepeatedByOthers(body.text)) {
      this.#events.warnOnce(
        "stacked-retries",
        "Something above limitedFetch retries too: the same call came again after it had failed for good. Set the SDK's maxRetries to 0 (openaiOptions, anthropicOptions and aiSdkOptions do).",
      )
    }
  }

  #isRepeatedByOthers(body: string | undefined): boolean {
    if (this.#context.warned.has("stacked-retries")) return false
    if (Number(this.#header("x-stainless-retry-count") ?? 0) > 0) return true
    return body !== undefined && this.#prepared.account.failedCalls.has(body, this.#startMs)
  }

  /** One attempt. A refusal is part of it: the quota's gate says when, so it counts apart from the vendor's failures. */
  async #admitAndSend(): Promise<Response> {
    const maxRefusals = this.#prepared.body.repeatable
      ? (this.#context.retry?.maxRefusals ?? limitedFetchDefaults.maxRefusals)
      : 0
    // Who is refused keeps its place in time; after a failure it queues anew, or one call would be every probe of an outage.
    const since = this.#context.clock.now()
    for (let refusals = 0, unsent = 0; ; refusals++) {
      const turn = this.#context.turns.take()
      if (turn) await turn
      const estimate = this.#estimate()
      const permit = await this.#admitWithFile(estimate, since)
      this.#attempt++
      try {
        this.#hasFailedLate = false
        const response = await sendAttempt(this, permit, estimate)
        if (!this.#hasFailedLate) this.#tell(okVerdict, response.status)
        return response
      } catch (error) {
        if (!(error instanceof AttemptFailure)) throw error
        if (outOfFiles(error.cause) && maxRefusals > 0 && unsent < mostUnsent) {
          // Nothing was sent, and the vendor has no part in it.
          this.#attempt--
          refusals--
          openFiles.shrink()
          await sleep(this.#context.clock, Math.min(1000, 10 * 2 ** unsent++), this.signal)
          continue
        }
        this.#lastFailure = error
        const { kind } = error.verdict
        if ((kind !== "wait" && kind !== "reduce") || refusals >= maxRefusals) throw error
        this.#decided(error, { retry: true, reason: error.verdict.code })
      }
    }
  }

  /** The permit, and a connection of those that this process may open. Nothing is held while waiting for either. */
  async #admitWithFile(cost: Cost, since: number): Promise<Permit> {
    for (;;) {
      if (!openFiles.take()) await this.#fileInTime()
      let permit: Permit | undefined
      try {
        permit = this.#admitNow(cost)
      } finally {
        if (!permit) openFiles.give()
      }
      if (permit) return withPlace(permit, openFiles)
      permit = await this.#admit(cost, since)
      if (openFiles.take()) return withPlace(permit, openFiles)
      permit.settle({ outcome: "ignored", actual: { requests: 0 } })
    }
  }

  async #fileInTime(): Promise<void> {
    const { clock } = this.#context
    const maxWaitMs = this.#maxWaitMs
    const tooLong = new AbortController()
    const leftMs = maxWaitMs === undefined ? Infinity : Math.max(0, this.#startMs + maxWaitMs - clock.now())
    const disarm = clock.setTimer(leftMs, () => {
      const message = `${this.#vendor.name}: ${openFiles.taken} calls are in flight, all that this process may open connections for, and none ended within maxWaitMs. Allow more time, or more files (ulimit -n).`
      tooLong.abort(new SluiceError("deadline-unreachable", message, { retryable: true }))
    })
    countInScope(this.#scope, "waiting", 1)
    try {
      await openFiles.wait(eitherSignal(tooLong.signal, this.signal))
    } finally {
      countInScope(this.#scope, "waiting", -1)
      disarm()
    }
  }

  #estimate(): Cost {
    const { vendor, facts, learned, price } = this.#prepared
    const cost = vendor.estimate(facts, learned)
    return price ? { ...cost, usd: dollarsAtMost(facts, learned, price) } : cost
  }

  /** What of it is known for sure: `max_tokens` where the vendor charges that, and the most that the call may cost. */
  #certain({ usd }: Cost): Cost {
    const { vendor, facts } = this.#prepared
    const cost = vendor.estimate(facts, nothingLearned)
    return usd === undefined ? cost : { ...cost, usd }
  }

  get #marks(): readonly string[] {
    const { credential, modelMark } = this.#prepared
    return [credential, modelMark]
  }

  #admitNow(cost: Cost): Permit | undefined {
    const { account, quota, admitOptions } = this.#prepared
    if (account.isRefused(this.#marks)) throw accountRefused
    return quota.tryAdmit(cost, admitOptions)
  }

  async #admit(cost: Cost, since: number): Promise<Permit> {
    const { clock } = this.#context
    const maxWaitMs = this.#maxWaitMs
    const { account, quota, admitOptions } = this.#prepared
    // The account may be refused while this call waits in the queue of another model.
    const controller = new AbortController()
    const stop = account.onRefused(this.#marks, () => controller.abort(accountRefused))
    const signal = this.signal ? AbortSignal.any([this.signal, controller.signal]) : controller.signal
    try {
      const leftMs = maxWaitMs === undefined ? undefined : Math.max(0, this.#startMs + maxWaitMs - clock.now())
      const patience = leftMs === undefined ? {} : { maxWaitMs: leftMs }
      return await quota.admit(cost, { ...admitOptions, certain: this.#certain(cost), signal, since, ...patience })
    } finally {
      stop()
    }
  }

  send(signal: AbortSignal): Promise<Response> {
    return fetchOnOrigin(this.#context.fetch, this.#input, { ...this.#init, signal })
  }

  spent(usage: Usage, how: Counted): number | undefined {
    const { facts, learned, price } = this.#prepared
    if (how === "counted") learned.learnInput(facts.prompt, usage.inputTokens)
    if ((how === "counted" || how === "guessed") && facts.answers > 0)
      learned.learnOutput(usage.outputTokens / facts.answers)
    const usd = price && usdOf(price, usage)
    const { inputTokens, outputTokens } = usage
    const cost: Cost = { requests: 1, inputTokens, outputTokens, ...(usd === undefined ? {} : { usd }) }
    const cachedShare = usage.cachedInputTokens / Math.max(1, inputTokens)
    for (const share of sharesOf(this.#scope, cost)) {
      // One sink of both the run and its calls is told once; two that add up to one know the cost again by its object.
      this.#events.usage(this.#prepared, share, cachedShare, how !== "counted")
      share.scope?.spend?.(share.cost, this.#context.onEvent)
    }
    return usd
  }

  exhausted(what: Exhausted, response: Response, bytes: Uint8Array<ArrayBuffer>): void {
    const { account, credential, modelMark, quota } = this.#prepared
    if (what === "quota") account.exhaust(quota, response, bytes)
    else if (what === "account") account.refuse(response, bytes)
    else account.refuse(response, bytes, what === "model" ? modelMark : credential)
  }

  unreadable(error: unknown): void {
    this.#events.warnOnce(
      "unreadable-answer",
      `${this.#vendor.name}: an answer could not be read (${String(error)}). It was handed on; what it cost is estimated.`,
    )
  }

  failedLate(verdict: Verdict): void {
    this.#hasFailedLate = true
    this.#tell(verdict, 200)
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
    const status = response?.status
    const requestId = response && requestIdOf(response.headers)
    const delayMs = decision.retry ? (decision.delayMs ?? feedback.retryAfterMs) : undefined
    this.#failed.push({
      attempt: this.#attempt,
      code: verdict.code,
      ...(status === undefined ? {} : { status }),
      ...(requestId ? { requestId } : {}),
      ...(delayMs === undefined ? {} : { delayMs }),
    })
    this.#tell(verdict, status, delayMs, verdict.kind === "retry" && !decision.retry ? decision.reason : undefined)
  }

  #tell(verdict: Verdict, status?: number, delayMs?: number, gaveUp?: string): void {
    this.#events.attempt(this.#prepared, { attempt: this.#attempt, verdict, status, delayMs, gaveUp })
  }

  #final(error: unknown): Response {
    const { account, quota, body } = this.#prepared
    // Errors of the request itself and aborts are nothing that an SDK repeats.
    if (this.#ending !== "final" && body.text !== undefined)
      account.failedCalls.add(body.text, this.#context.clock.now())
    if (error === accountRefused) return account.refusal(quota, this.#marks)!
    if (SluiceError.isInstance(error)) {
      const last = this.#lastFailure?.response
      const response = error.code === "quota-exhausted" ? (account.refusal(quota, this.#marks) ?? last) : last
      if (response) return response
      throw error
    }
    if (!(error instanceof AttemptFailure)) throw error
    if (error.response) return error.response
    throw this.#unanswered(error.verdict, error.cause)
  }

  #unanswered({ code, message }: Verdict, cause: unknown): VendorError {
    const vendor = this.#vendor.name
    const { model } = this.#prepared.facts
    const facts = { vendor, model, attempts: this.#failed, cause }
    const made = this.#attempt === 1 ? "1 attempt" : `${this.#attempt} attempts`
    // OpenAI's and Anthropic's SDKs look for "timed out" to tell the two apart.
    if (code === "timeout") {
      const advice = message.includes("idleTimeoutMs")
        ? "Raise idleTimeoutMs"
        : "Raise timeoutMs, or ask for less at once"
      return new VendorError(
        "timeout",
        `${vendor} ${model}: timed out: ${message}, at the last of ${made}. ${advice}.`,
        facts,
      )
    }
    const files = outOfFiles(cause)
    if (files)
      return new VendorError(
        "connection",
        `${vendor} ${model}: this process may open no more connections (${files}), and none came free in ${mostUnsent} tries. Close what else is open, or allow more (ulimit -n).`,
        facts,
      )
    if (code === "connection")
      return new VendorError(
        code,
        `${vendor} ${model}: no connection (${message}) in ${made}. Check the address and the network.`,
        facts,
      )
    const reason = code === "answer-too-large" ? code : "vendor-refused"
    return new VendorError(reason, `${vendor} ${model}: ${message}`, { ...facts, retryable: false })
  }
}

const nothingLearned: Learned = Object.freeze({ inputTokens: () => 0, outputMean: 0, outputSpread: 0 })

function eitherSignal(first: AbortSignal | null | undefined, second: AbortSignal | undefined): AbortSignal | undefined {
  if (!first || first === second) return second
  return second ? AbortSignal.any([first, second]) : first
}

/** OpenAI and most others; Anthropic; Azure's gateway. */
function requestIdOf(headers: Headers): string | null {
  return headers.get("x-request-id") ?? headers.get("request-id") ?? headers.get("apim-request-id")
}

function newIdempotencyKey(random: FetchContext["random"]): string {
  const digits = (): string => random.next().toString(36).slice(2, 14)
  return `sluice-${digits()}${digits()}`
}
