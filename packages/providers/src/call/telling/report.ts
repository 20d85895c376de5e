import type { CallUsage, TaskScope } from "@sluice/core"
import { costOf } from "../../accounts/accounting.ts"
import type { Usage, Verdict } from "../../vendors/vendor.ts"
import { AnswerFacts } from "./answer-facts.ts"
import type { FetchContext } from "../context.ts"
import { CallEvents, type CallTold, type ReportedCall } from "./events.ts"
import { okVerdict } from "../failure/verdict.ts"

/** How an attempt ended. */
export interface AttemptTold {
  readonly verdict: Verdict
  readonly response: Pick<Response, "status" | "headers"> | undefined
  /** Until the next attempt. */
  readonly delayMs?: number | undefined
  /** Why there is no next one although the verdict would allow it. */
  readonly gaveUp?: string | undefined
}

type ReportContext = Pick<FetchContext, "clock" | "onEvent" | "warned">

/** Tells how a call goes: each of its attempts once, and then its end, once. */
export class CallReport {
  readonly events: CallEvents
  readonly startMs: number
  readonly #context: ReportContext
  readonly #url: URL | undefined
  #prepared!: ReportedCall
  /** Of the present one: 1-based. */
  attempt = 0
  #sentMs = 0
  #isTold = true
  #isOver = false
  #usage: CallUsage | undefined

  /** `url`: where the call goes, when that is known. */
  constructor(context: ReportContext, scope: TaskScope | undefined, url?: URL) {
    this.events = new CallEvents(context, scope)
    this.startMs = context.clock.now()
    this.#context = context
    this.#url = url
  }

  /** Runs the whole call. */
  within<R>(prepared: ReportedCall, fn: () => R): R {
    this.#prepared = prepared
    return this.events.within(prepared, this.#url, this.startMs, fn)
  }

  /** An attempt is sent. */
  sent(): void {
    this.attempt++
    this.#sentMs = this.#context.clock.now()
    this.#isTold = false
  }

  /** What was sent never left. */
  unsent(): void {
    this.attempt--
  }

  /** The present attempt ended; what comes later of it is told no more. */
  told({ verdict, response, delayMs, gaveUp }: AttemptTold): void {
    if (this.#isTold) return
    this.#isTold = true
    if (!this.#context.onEvent) return
    this.events.attempt(this.#prepared, {
      attempt: this.attempt,
      startMs: this.#sentMs,
      verdict,
      status: response?.status,
      requestId: response && requestIdOf(response.headers, this.#prepared.hide),
      delayMs,
      gaveUp,
    })
  }

  answered(response: Pick<Response, "status" | "headers">): void {
    this.told({ verdict: okVerdict, response })
  }

  /** Reads along what the answer says of itself, when somebody listens. */
  facts(): AnswerFacts | undefined {
    const { onEvent } = this.#context
    return onEvent && new AnswerFacts(onEvent.wantsContent === true, this.#prepared.hide)
  }

  /** What an attempt has used, told to whoever pays. */
  spent(usage: Usage, isCounted: boolean): void {
    const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens } = usage
    const estimated = isCounted ? {} : { estimated: true }
    this.#usage = { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, ...estimated }
    this.events.usage(this.#prepared, costOf(this.#prepared, usage), usage.cachedInputTokens, estimated)
  }

  over(end: CallTold): void {
    if (this.#isOver || !this.#context.onEvent) return
    this.#isOver = true
    this.events.end(this.#prepared, this.#url, {
      ...end,
      startMs: this.startMs,
      attempts: this.attempt,
      usage: this.#usage,
    })
  }
}

// Characters. Names that vendors make are a fraction of it.
const longestId = 200

/** OpenAI and most others; Anthropic; Azure's gateway; AWS. What a vendor puts there may be a key. */
export function requestIdOf(headers: Headers, hide: ReportedCall["hide"]): string | undefined {
  for (const name of ["x-request-id", "request-id", "apim-request-id", "x-amzn-requestid"]) {
    const id = headers.get(name)
    if (id) return hide(id).slice(0, longestId)
  }
  return undefined
}
