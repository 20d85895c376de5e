import {
  type AdmitOptions,
  type Cost,
  currentScope,
  type Limiter,
  type Permit,
  SluiceError,
  type SluiceEvent,
  type TaskScope,
} from "@sluice/core"
import { attemptLoop, retryDecision, type RetryDecision, retryDefaults } from "@sluice/scheduler"
import type { Account } from "./account.ts"
import { accountLabel } from "./account-label.ts"
import { AttemptFailure } from "./attempt-failure.ts"
import type { LearnedTokens } from "./learned-tokens.ts"
import type { FetchContext } from "./limited-fetch.ts"
import { type CallIdentity, limitedFetchDefaults } from "./limited-fetch-options.ts"
import { type Price, usdOf } from "./prices.ts"
import { readBody, type SentBody } from "./read-body.ts"
import { type FetchInput, headerReader } from "./request-parts.ts"
import { sendAttempt } from "./send-attempt.ts"
import type { ModelCall, RequestFacts, Usage, Vendor, Verdict } from "./vendor.ts"
import { okVerdict } from "./verdict.ts"
import { type FailedAttempt, VendorError } from "./vendor-error.ts"

/**
 * How a call ended: `answered` · `throttled`: told to wait, longer than it may · `fatal`: waiting does not help, for this
 * account or model · `overloaded`: no capacity, connection or answer in time · `final`: the request itself is at fault.
 */
export type Ending = "answered" | "throttled" | "fatal" | "overloaded" | "final"

/** One call to a model, from the caller's `fetch` to the final answer: its attempts, and what they share. */
export class ModelRequest {
  readonly #context: FetchContext
  readonly #vendor: Vendor
  readonly #call: ModelCall
  readonly #url: URL
  readonly #input: FetchInput
  readonly #init: RequestInit | undefined
  readonly #header: (name: string) => string | null
  readonly #scope: TaskScope | undefined = currentScope()
  readonly #signal: AbortSignal | undefined
  readonly #startMs: number
  readonly #failed: FailedAttempt[] = []
  #body!: SentBody
  #facts!: RequestFacts
  #account!: Account
  #quota!: Limiter
  #learned!: LearnedTokens
  #price: Price | undefined
  #admitOptions!: AdmitOptions
  #attempt = 0
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
    this.#signal = eitherSignal(
      init?.signal ?? (input instanceof Request ? input.signal : undefined),
      this.#scope?.signal,
    )
    this.#startMs = context.clock.now()
  }

  /** Once `run` has settled. */
  get ending(): Ending {
    return this.#ending
  }

  async run(): Promise<Response> {
    this.#signal?.throwIfAborted()
    await this.#prepare()
    const { clock, random, budget, retry, maxWaitMs } = this.#context
    try {
      return await attemptLoop(() => this.#admitAndSend(), {
        maxAttempts: this.#body.repeatable ? (retry?.maxAttempts ?? retryDefaults.maxAttempts) : 1,
        decide: (error, attempt) => this.#decide(error, attempt),
        clock,
        random,
        budget,
        maxWaitMs,
        signal: this.#signal,
        onDecision: (error, _attempt, decision) => this.#decided(error, decision),
      })
    } catch (error) {
      this.#ending = endingOf(error)
      return this.#final(error)
    }
  }

  async #prepare(): Promise<void> {
    const { accounts, keyBy, priority, prices } = this.#context
    const request = this.#input instanceof Request ? this.#input : undefined
    const isJson = this.#header("content-type")?.includes("json") ?? false
    this.#body = await readBody(this.#init?.body ?? (request?.body ? request : undefined), isJson)
    this.#facts = this.#vendor.read(this.#body.json, this.#call)
    const identity: CallIdentity = {
      url: this.#url,
      vendor: this.#vendor.name,
      model: this.#facts.model,
      header: this.#header,
    }
    const key = keyBy?.(identity)
    const label = key?.account ?? accountLabel(this.#vendor.accountHeaders.map(this.#header))
    this.#account = accounts.account(this.#vendor.name, label)
    this.#quota = accounts.quota(this.#account, this.#facts.model)
    this.#learned = this.#account.learned(this.#facts.model)
    this.#price = this.#account.price(this.#facts.model, prices)
    const wanted = typeof priority === "function" ? priority(identity) : (priority ?? this.#scope?.priority)
    this.#admitOptions = {
      ...(this.#signal ? { signal: this.#signal } : {}),
      ...(wanted !== undefined ? { priority: wanted } : {}),
      ...(key?.tenant !== undefined ? { key: key.tenant } : {}),
    }
    if (Number(this.#header("x-stainless-retry-count") ?? 0) > 0) this.#warnOfStackedRetries()
  }

  /** One attempt. A refusal is part of it: the quota's gate says when, so it counts apart from the vendor's failures. */
  async #admitAndSend(): Promise<Response> {
    const maxRefusals = this.#body.repeatable
      ? (this.#context.retry?.maxRefusals ?? limitedFetchDefaults.maxRefusals)
      : 0
    for (let refusals = 0; ; refusals++) {
      try {
        return await this.#send()
      } catch (error) {
        if (!(error instanceof AttemptFailure)) throw error
        this.#lastFailure = error
        const { kind } = error.verdict
        if ((kind !== "wait" && kind !== "reduce") || refusals >= maxRefusals) throw error
        this.#decided(error, { retry: true, reason: error.verdict.code })
      }
    }
  }

  async #send(): Promise<Response> {
    const { clock, timeoutMs, idleTimeoutMs } = this.#context
    const estimate = this.#estimate()
    const permit = await this.#admit(estimate)
    this.#attempt++
    const response = await sendAttempt({
      vendor: this.#vendor,
      facts: this.#facts,
      estimate,
      permit,
      signal: this.#signal,
      timeoutMs,
      idleTimeoutMs,
      clock,
      send: (signal) => this.#fetch(signal),
      onUsage: (usage) => this.#used(usage),
      onLateFailure: (verdict) => this.#told(verdict, 200),
      onExhausted: (scope, response, bytes) =>
        scope === "account"
          ? this.#account.refuse(response, bytes)
          : this.#account.exhaust(this.#quota, response, bytes),
    })
    if (this.#context.onEvent) this.#told(okVerdict, response.status)
    return response
  }

  #estimate(): Cost {
    const cost = this.#vendor.estimate(this.#facts, this.#learned)
    if (!this.#price) return cost
    const outputTokens =
      this.#facts.answers === 0
        ? 0
        : Math.min(this.#facts.maxOutputTokens ?? Infinity, this.#learned.outputMean + this.#learned.outputSpread)
    const inputTokens = this.#learned.inputTokens(this.#facts.prompt)
    return {
      ...cost,
      usd: usdOf(this.#price, { inputTokens, outputTokens, cachedInputTokens: 0, cacheWriteTokens: 0 }),
    }
  }

  async #admit(cost: Cost): Promise<Permit> {
    this.#throwIfRefused()
    const { maxWaitMs, clock } = this.#context
    const options = this.#admitOptions
    const free = this.#quota.tryAdmit(cost, options)
    if (free) return free
    // The account may be refused while this call waits in the queue of another model.
    const controller = new AbortController()
    const stop = this.#account.onRefused(() => controller.abort(refused))
    const signal = options.signal ? AbortSignal.any([options.signal, controller.signal]) : controller.signal
    try {
      const deadlineMs = maxWaitMs === undefined ? undefined : Math.max(0, this.#startMs + maxWaitMs - clock.now())
      return await this.#quota.admit(cost, { ...options, signal, ...(deadlineMs === undefined ? {} : { deadlineMs }) })
    } finally {
      stop()
    }
  }

  #throwIfRefused(): void {
    if (this.#account.refused) throw refused
  }

  #fetch(signal: AbortSignal): Promise<Response> {
    const { replacement } = this.#body
    return this.#context.fetch(this.#input, { ...this.#init, ...(replacement && { body: replacement }), signal })
  }

  #used(usage: Usage): number | undefined {
    this.#learned.learnInput(this.#facts.prompt, usage.inputTokens)
    if (this.#facts.answers > 0) this.#learned.learnOutput(usage.outputTokens / this.#facts.answers)
    const usd = this.#price && usdOf(this.#price, usage)
    const cost: Cost = {
      requests: 1,
      inputTokens: usage.inputTokens,
      outputTokens: usage.outputTokens,
      ...(usd === undefined ? {} : { usd }),
    }
    this.#scope?.spend?.(cost)
    this.#emit({
      type: "usage",
      atMs: this.#context.clock.now(),
      cost,
      model: this.#facts.model,
      cachedInputTokens: usage.cachedInputTokens,
    })
    return usd
  }

  #decide(error: unknown, attempt: number): RetryDecision {
    if (!(error instanceof AttemptFailure)) return { retry: false, reason: "error" }
    const { verdict, feedback } = error
    return retryDecision(
      {
        retryable: verdict.kind === "retry",
        reason: verdict.code,
        ...(feedback.retryAfterMs === undefined ? {} : { retryAfterMs: feedback.retryAfterMs }),
      },
      attempt,
      this.#context.retry?.backoff,
      this.#context.random,
    )
  }

  #decided(error: unknown, decision: RetryDecision): void {
    if (!(error instanceof AttemptFailure)) return
    this.#lastFailure = error
    const status = error.response?.status
    const delayMs = decision.retry ? (decision.delayMs ?? error.feedback.retryAfterMs) : undefined
    const { code } = error.verdict
    this.#failed.push({
      attempt: this.#attempt,
      code,
      ...(status === undefined ? {} : { status }),
      ...(delayMs === undefined ? {} : { delayMs }),
    })
    const gaveUp = error.verdict.kind === "retry" && !decision.retry
    this.#told(error.verdict, status, delayMs, gaveUp ? decision.reason : undefined)
  }

  #final(error: unknown): Response {
    if (error === refused) return this.#account.refusal(this.#quota)!
    if (SluiceError.isInstance(error)) {
      const response =
        error.code === "quota-exhausted"
          ? (this.#account.refusal(this.#quota) ?? this.#lastFailure?.response)
          : this.#lastFailure?.response
      if (response) return response
      throw error
    }
    if (!(error instanceof AttemptFailure)) throw error
    const { verdict, response } = error
    if (response) return response
    throw this.#unanswered(verdict, error.cause)
  }

  #unanswered(verdict: Verdict, cause: unknown): VendorError {
    const code = verdict.code === "timeout" ? "timeout" : "connection"
    // OpenAI's and Anthropic's SDKs look for "timed out" to tell the two apart.
    const said =
      code === "timeout"
        ? `timed out: ${verdict.message}, at the last of ${this.#attempt} attempts. Raise timeoutMs, or ask for less at once.`
        : `no connection (${verdict.message}) in ${this.#attempt} attempts. Check the address and the network.`
    return new VendorError(code, `${this.#vendor.name} ${this.#facts.model}: ${said}`, {
      vendor: this.#vendor.name,
      model: this.#facts.model,
      attempts: this.#failed,
      cause,
    })
  }

  #told(verdict: Verdict, status?: number, delayMs?: number, gaveUp?: string): void {
    this.#emit({
      type: "http-attempt",
      atMs: this.#context.clock.now(),
      vendor: this.#vendor.name,
      model: this.#facts.model,
      attempt: this.#attempt,
      decision: gaveUp ?? verdict.kind,
      ...(status === undefined ? {} : { status }),
      ...(delayMs === undefined ? {} : { delayMs }),
      ...(verdict.kind === "ok" ? {} : { error: verdict.code }),
    })
  }

  #warnOfStackedRetries(): void {
    if (this.#context.warned.has("stacked-retries")) return
    this.#context.warned.add("stacked-retries")
    this.#emit({
      type: "warning",
      atMs: this.#context.clock.now(),
      code: "stacked-retries",
      message:
        "The SDK retries on its own, on top of limitedFetch: set its maxRetries to 0 (openaiOptions, anthropicOptions and aiSdkOptions do).",
    })
  }

  #emit(event: SluiceEvent): void {
    const { runId, spanId } = this.#scope ?? {}
    try {
      this.#context.onEvent?.(
        runId === undefined || spanId === undefined ? event : ({ ...event, runId, spanId } as SluiceEvent),
      )
    } catch {
      // A sink that throws does not disturb the call.
    }
  }
}

/** Thrown inside a call whose account was refused meanwhile; never seen outside. */
const refused = new Error("the account was refused")
function eitherSignal(first: AbortSignal | null | undefined, second: AbortSignal | undefined): AbortSignal | undefined {
  if (!first || first === second) return second
  return second ? AbortSignal.any([first, second]) : first
}

const waitsTooLong = new Set<string>(["deadline-unreachable", "queue-full"])
const usedUp = new Set<string>(["quota-exhausted", "budget-exhausted"])

function endingOf(error: unknown): Ending {
  if (error === refused) return "fatal"
  if (SluiceError.isInstance(error)) {
    return waitsTooLong.has(error.code) ? "throttled" : usedUp.has(error.code) ? "fatal" : "final"
  }
  if (!(error instanceof AttemptFailure)) return "final"
  const { kind, scope } = error.verdict
  if (kind === "retry") return "overloaded"
  return kind === "fatal" && scope === "account"
    ? "fatal"
    : kind === "wait" || kind === "reduce"
      ? "throttled"
      : "final"
}
