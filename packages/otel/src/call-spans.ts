import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  type Span,
  SpanKind,
  trace,
} from "@opentelemetry/api"
import type { BegunWork, CallFacts } from "@sluice/core"
import { hideKeyShapes } from "@sluice/core/internal"
import { callAttributes, type Conventions } from "./conventions.ts"
import type { EventOf } from "./event-of.ts"
import { messagesOf } from "./messages.ts"
import type { RunSpans } from "./run-spans.ts"
import { mayBeSampled, type SpanMaker } from "./span-maker.ts"

/** A call to a model that is under way. */
interface OpenCall {
  readonly span: Span | undefined
  readonly startMs: number
  /** When its last attempt ended, if nothing has happened since. */
  restsSinceMs: number | undefined
}

const callKey = createContextKey("sluice.call")

/** The call that the running code, or the event that is being told, belongs to. */
function currentCall(): OpenCall | undefined {
  return context.active().getValue(callKey) as OpenCall | undefined
}

/** The spans of calls to models, and inside them the waits for admission, the HTTP attempts and the rests between those. */
export class CallSpans {
  readonly #make: SpanMaker
  readonly #runs: RunSpans
  readonly #conventions: Conventions
  readonly #content: boolean

  constructor(make: SpanMaker, runs: RunSpans, conventions: Conventions, content: boolean) {
    this.#content = content
    this.#make = make
    this.#runs = runs
    this.#conventions = conventions
  }

  /** Runs a call inside a span of its own. */
  call<R>(work: Extract<BegunWork, { readonly type: "call" }>, fn: () => R): R {
    const around = this.#runs.around(work)
    // In a run that is not traced nothing is made for a call, nor looked for at its end.
    if (!around) return context.with(this.#runs.untraced(work) ?? context.active(), fn)
    if (!mayBeSampled(around)) return fn()
    const asked = this.#ask(work, work.atMs, around)
    const span = asked.isRecording() ? asked : undefined
    const call: OpenCall = { span, startMs: work.atMs, restsSinceMs: undefined }
    return context.with(trace.setSpan(around, asked).setValue(callKey, call), fn)
  }

  endCall(event: EventOf<"call-end">): void {
    const call = currentCall()
    // A listener that is passed events by hand has surrounded nothing.
    const span = call ? call.span : this.#late(event)
    if (!span) return
    span.setAttributes(answerAttributes(event, this.#conventions))
    if (this.#content && event.content) span.setAttributes(messagesOf(event.content, event.finishReasons))
    if (event.status !== "ok") this.#make.fail(span, event.error ?? event.status)
    this.#make.end(span, event.atMs)
  }

  attempt(event: EventOf<"http-attempt">): void {
    const { attempt, status, error, decision, requestId, startMs, durationMs, atMs } = event
    const call = currentCall()
    this.#rested(call, startMs)
    // After a refusal nothing rests: the quota's gate keeps the call waiting, which is a wait for admission.
    if (call && decision === "retry") call.restsSinceMs = atMs
    const attributes = {
      "http.request.method": "POST",
      ...(status !== undefined && { "http.response.status_code": status }),
      ...(attempt > 1 && { "http.request.resend_count": attempt - 1 }),
      ...(requestId !== undefined && { "sluice.request_id": hideKeyShapes(requestId) }),
      "sluice.decision": decision,
    }
    const span = this.#inside(call, event, "POST", startMs, attributes, SpanKind.CLIENT)
    if (!span) return
    if (error !== undefined) this.#make.fail(span, error)
    this.#make.end(span, startMs + durationMs)
  }

  waited(event: EventOf<"permit-admit" | "permit-leave">): void {
    const { waitedMs, blockedBy, atMs, quota, tenant } = event
    const call = currentCall()
    const startMs = Math.max(atMs - waitedMs, call?.startMs ?? -Infinity)
    this.#rested(call, startMs)
    this.#runs.resumed(event, startMs)
    if (blockedBy === undefined) return
    const attributes = {
      "sluice.blocked_by": blockedBy,
      "sluice.quota": quota,
      ...(tenant !== "" && { "sluice.tenant": tenant }),
    }
    const span = this.#inside(call, event, "admission wait", startMs, attributes)
    if (!span) return
    if (event.type === "permit-leave") this.#make.fail(span, event.error)
    this.#make.end(span, atMs)
  }

  #rested(call: OpenCall | undefined, atMs: number): void {
    if (call?.restsSinceMs === undefined) return
    const { restsSinceMs } = call
    call.restsSinceMs = undefined
    if (atMs <= restsSinceMs) return
    const span = this.#inside(call, {}, "backoff", restsSinceMs, {})
    if (span) this.#make.end(span, atMs)
  }

  #ask(facts: CallFacts, startMs: number, around: Context): Span {
    const attributes = callAttributes(facts, this.#conventions)
    const name = `${String(attributes["gen_ai.operation.name"])} ${facts.model}`
    return this.#make.ask(name, startMs, around, { ...attributes, ...requestAttributes(facts) }, SpanKind.CLIENT)
  }

  #late(event: EventOf<"call-end">): Span | undefined {
    const around = this.#runs.around(event)
    if (!around || !mayBeSampled(around)) return undefined
    const span = this.#ask(event, event.startMs, around)
    return span.isRecording() ? span : undefined
  }

  #inside(
    call: OpenCall | undefined,
    about: { readonly runId?: string; readonly spanId?: number },
    name: string,
    startMs: number,
    attributes: Attributes,
    kind?: SpanKind,
  ): Span | undefined {
    const own = call?.span
    const around = call ? own && trace.setSpan(context.active(), own) : this.#runs.around(about)
    return around && this.#make.start(name, startMs, around, attributes, kind)
  }
}

function requestAttributes({ stream, maxOutputTokens }: CallFacts): Attributes {
  return {
    ...(stream && { "gen_ai.request.stream": true }),
    ...(maxOutputTokens !== undefined && { "gen_ai.request.max_tokens": maxOutputTokens }),
  }
}

function answerAttributes(event: EventOf<"call-end">, { isLatest }: Conventions): Attributes {
  const { responseModel, responseId, finishReasons, usage, firstChunkMs, attempts } = event
  return {
    "sluice.attempts": attempts,
    ...(responseModel !== undefined && { "gen_ai.response.model": hideKeyShapes(responseModel) }),
    ...(responseId !== undefined && { "gen_ai.response.id": hideKeyShapes(responseId) }),
    ...(finishReasons && { "gen_ai.response.finish_reasons": finishReasons.map(hideKeyShapes) }),
    ...(firstChunkMs !== undefined && { "gen_ai.response.time_to_first_chunk": firstChunkMs / 1000 }),
    ...(usage && {
      "gen_ai.usage.input_tokens": usage.inputTokens,
      "gen_ai.usage.output_tokens": usage.outputTokens,
      "gen_ai.usage.cache_read.input_tokens": usage.cachedInputTokens,
      [`gen_ai.usage.cache_${isLatest ? "write" : "creation"}.input_tokens`]: usage.cacheWriteTokens,
      ...(usage.estimated && { "sluice.usage.estimated": true }),
    }),
  }
}
