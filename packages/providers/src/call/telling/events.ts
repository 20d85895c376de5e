import type { CallFacts, CallUsage, Cost, SluiceEvent, TaskScope } from "@sluice/core"
import { runWithin, tellWarning } from "@sluice/core/internal"
import { captureContext, type InContext } from "@sluice/scheduler"
import type { AnswerFacts } from "./answer-facts.ts"
import { sharesOf } from "../../items/shares-of.ts"
import type { FetchContext } from "../context.ts"
import { refusesAccount } from "../failure/verdict.ts"
import type { PreparedCall } from "../prepared-call.ts"
import type { Verdict } from "../../vendors/vendor.ts"

/** What is told of one attempt. */
export interface ToldAttempt {
  readonly attempt: number
  /** When it was sent. */
  readonly startMs: number
  readonly verdict: Verdict
  readonly status?: number | undefined
  readonly requestId?: string | undefined
  /** Until the next attempt. */
  readonly delayMs?: number | undefined
  /** Why there is no next one although the verdict would allow it. */
  readonly gaveUp?: string | undefined
}

/** Whose call it is that costs something. */
export interface ToldCall {
  readonly facts: Pick<PreparedCall["facts"], "model">
  readonly account: Pick<PreparedCall["account"], "label">
  readonly admitOptions: Pick<PreparedCall["admitOptions"], "tenant">
}

/** A call of which everything is told. */
export interface ReportedCall
  extends Omit<ToldCall, "facts">, Pick<PreparedCall, "vendor" | "endpoint" | "facts" | "price" | "hide"> {
  readonly body: Pick<PreparedCall["body"], "text">
}

/** How a call ended. */
export interface CallTold {
  readonly status: "ok" | "failed" | "cancelled"
  readonly error?: string
  /** On the clock: when the first bytes of a stream came. */
  readonly firstMs?: number | undefined
  readonly facts?: AnswerFacts | undefined
}

/** What is told of a whole call. */
export interface ToldEnd extends CallTold {
  readonly startMs: number
  readonly attempts: number
  readonly usage: CallUsage | undefined
}

/** Tells what happens to one call. Never a key, and no prompt to who does not ask for it. */
export class CallEvents {
  readonly #context: Pick<FetchContext, "clock" | "onEvent" | "warned">
  readonly #scope: TaskScope | undefined
  /** Where the call runs, once it does: the end of a stream is heard elsewhere. */
  #inContext: InContext | undefined

  constructor(context: Pick<FetchContext, "clock" | "onEvent" | "warned">, scope: TaskScope | undefined) {
    this.#context = context
    this.#scope = scope
  }

  /** Runs the call inside what the listener puts around it. */
  within<R>(prepared: ReportedCall, url: URL | undefined, atMs: number, fn: () => R): R {
    const { onEvent, clock } = this.#context
    if (!onEvent) return fn()
    const wallMs = clock.wallNow() - (clock.now() - atMs)
    const work = { type: "call", atMs, wallMs, ...callFacts(prepared, url), ...this.#span(this.#scope) } as const
    return runWithin(onEvent, work, () => {
      this.#inContext = captureContext()
      return fn()
    })
  }

  attempt({ vendor, facts }: ReportedCall, told: ToldAttempt): void {
    const { attempt, startMs, verdict, status, requestId, delayMs, gaveUp } = told
    const atMs = this.#context.clock.now()
    this.#emit({
      type: "http-attempt",
      atMs,
      vendor: vendor.name,
      model: facts.model,
      attempt,
      startMs,
      durationMs: atMs - startMs,
      decision: gaveUp ?? verdict.kind,
      ...(status === undefined ? {} : { status }),
      ...(requestId === undefined ? {} : { requestId }),
      ...(refusesAccount(verdict) ? { isAccountRefused: true as const } : {}),
      ...(delayMs === undefined ? {} : { delayMs }),
      ...(verdict.kind === "ok" ? {} : { error: verdict.code }),
    })
  }

  end(
    prepared: ReportedCall,
    url: URL | undefined,
    { status, error, startMs, attempts, firstMs, facts, usage }: ToldEnd,
  ): void {
    const { onEvent, clock } = this.#context
    if (!onEvent) return
    const { text } = prepared.body
    this.#emit({
      type: "call-end",
      atMs: clock.now(),
      ...callFacts(prepared, url),
      startMs,
      status,
      attempts,
      ...(error === undefined ? {} : { error }),
      ...(firstMs === undefined ? {} : { firstChunkMs: firstMs - startMs }),
      ...(facts?.model === undefined ? {} : { responseModel: facts.model }),
      ...(facts?.id === undefined ? {} : { responseId: facts.id }),
      ...(facts && facts.finishReasons.length > 0 ? { finishReasons: facts.finishReasons } : {}),
      ...(usage ? { usage } : {}),
      ...(onEvent.wantsContent
        ? { content: { ...(text === undefined ? {} : { request: text }), ...facts?.content, hide: prepared.hide } }
        : {}),
    })
  }

  /** What a call has cost: each item that shares it pays its part, and is told of it. */
  usage(
    { facts, account, admitOptions: { tenant } }: ToldCall,
    cost: Cost,
    cachedInputTokens: number,
    how: { readonly estimated?: boolean; readonly lane?: "batch" },
  ): void {
    const { onEvent, clock } = this.#context
    const cachedShare = cachedInputTokens / Math.max(1, cost.inputTokens ?? 0)
    for (const share of sharesOf(this.#scope, cost)) {
      const event: SluiceEvent = {
        type: "usage",
        atMs: clock.now(),
        cost: share.cost,
        model: facts.model,
        account: account.label,
        ...(tenant === undefined ? {} : { tenant }),
        cachedInputTokens: (share.cost.inputTokens ?? 0) * cachedShare,
        ...how,
      }
      // One sink of both the run and its calls is told once; two that add up to one know the cost again by its object.
      this.#emit(event, share.scope)
      share.scope?.spend?.(share.cost, onEvent)
    }
  }

  /** Once for `about`, of which a thousand are remembered; where nobody listens the first of a code is enough. */
  warnOnce(code: string, message: string, about: string = code): void {
    const { warned, onEvent, clock } = this.#context
    const which = onEvent ? about : code
    if (warned.has(which) || warned.size > 1000) return
    warned.add(which)
    if (!onEvent) return tellWarning(undefined, clock.now(), code, message)
    this.#emit({ type: "warning", atMs: clock.now(), code, message })
  }

  #emit(event: SluiceEvent, scope = this.#scope): void {
    const { onEvent } = this.#context
    if (!onEvent) return
    const told = { ...event, ...this.#span(scope) } as SluiceEvent
    try {
      if (this.#inContext) this.#inContext(onEvent, told)
      else onEvent(told)
    } catch {
      // A sink that throws does not disturb the call.
    }
  }

  #span(scope: TaskScope | undefined): { runId?: string; spanId?: number } {
    // A map inside an item has no spans of its own.
    let around = scope
    while (around && around.spanId === undefined) around = around.parent
    const { runId, spanId } = around ?? {}
    return runId === undefined || spanId === undefined ? {} : { runId, spanId }
  }
}

function callFacts({ vendor, facts, endpoint }: ReportedCall, url: URL | undefined): CallFacts {
  return {
    vendor: vendor.name,
    endpoint,
    model: facts.model,
    stream: facts.stream,
    ...(url && { host: url.hostname, port: Number(url.port) || (url.protocol === "http:" ? 80 : 443) }),
    ...(facts.maxOutputTokens === undefined ? {} : { maxOutputTokens: facts.maxOutputTokens }),
  }
}
