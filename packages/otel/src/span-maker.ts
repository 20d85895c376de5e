import {
  type Attributes,
  type Context,
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from "@opentelemetry/api"
import { errorType } from "./conventions.ts"
import { WallTime } from "./wall-time.ts"

/** Makes spans with the time of events. What is not sampled is not made: nothing is kept for it, and nothing below it is asked about. */
export class SpanMaker {
  readonly time: WallTime = new WallTime()
  readonly #tracer: Tracer

  constructor(tracer: Tracer) {
    this.#tracer = tracer
  }

  /** A span that is recorded, or nothing. */
  start(name: string, startMs: number, around: Context, attributes: Attributes, kind?: SpanKind): Span | undefined {
    if (!mayBeSampled(around)) return undefined
    const span = this.ask(name, startMs, around, attributes, kind)
    return span.isRecording() ? span : undefined
  }

  /** The span, also when it is not recorded: for what stands at the root of a trace. */
  ask(
    name: string,
    startMs: number,
    around: Context,
    attributes: Attributes,
    kind: SpanKind = SpanKind.INTERNAL,
  ): Span {
    const startTime = this.time.at(startMs)
    return this.#tracer.startSpan(name, { kind, attributes, ...(startTime && { startTime }) }, around)
  }

  end(span: Span, atMs: number): void {
    span.end(this.time.at(atMs))
  }

  fail(span: Span, error: unknown): void {
    const type = errorType(error)
    span.setAttribute("error.type", type)
    span.setStatus({ code: SpanStatusCode.ERROR, message: type })
  }
}

/** Whether a span inside `around` may be recorded. */
export function mayBeSampled(around: Context): boolean {
  const outer = trace.getSpanContext(around)
  return outer === undefined || (outer.traceFlags & TraceFlags.SAMPLED) !== 0
}

/** The code that runs now, if it runs inside a span of the trace of `own`: whoever instruments an SDK has put it there. Else `own`. */
export function innermost(own: Context): Context {
  const active = context.active()
  const inside = trace.getSpanContext(active)
  return inside !== undefined && inside.traceId === trace.getSpanContext(own)?.traceId ? active : own
}
