import { type Context, context, type Span, trace, TraceFlags } from "@opentelemetry/api"
import type { BegunWork } from "@sluice/core"
import type { EventOf } from "./event-of.ts"
import { innermost, type SpanMaker } from "./span-maker.ts"

/** A span that is open, and the context inside it. */
interface Open {
  readonly span: Span
  readonly context: Context
  /** The attempt that runs inside it now. */
  attempt: Omit<Open, "attempt" | "restsSinceMs"> | undefined
  /** Since when the item waits for another attempt. */
  restsSinceMs: number | undefined
}

interface Run {
  readonly open: Open | undefined
  /** Where what is not traced runs: nothing below it is sampled either. */
  readonly untraced: Context
  /** By the `spanId` of events. What is not traced is not here. */
  readonly spans: Map<number, Open>
}

type About = { readonly runId?: string; readonly spanId?: number }

/** The spans of runs, nodes, items, their attempts, and the rests between those. */
export class RunSpans {
  readonly #make: SpanMaker
  readonly #itemRatio: number
  readonly #runs = new Map<string, Run>()

  constructor(make: SpanMaker, itemRatio: number) {
    this.#make = make
    this.#itemRatio = itemRatio
  }

  startRun({ runId, flow, atMs }: EventOf<"run-start">): void {
    const around = context.active()
    const span = this.#make.ask(`run ${flow}`, atMs, around, { "sluice.run.id": runId, "sluice.flow": flow })
    const inside = trace.setSpan(around, span)
    const untraced = trace.setSpanContext(around, { ...span.spanContext(), traceFlags: TraceFlags.NONE })
    const open = span.isRecording() ? opened(span, inside) : undefined
    this.#runs.set(runId, { open, untraced: open ? untraced : inside, spans: new Map(open && [[0, open]]) })
  }

  endRun(event: EventOf<"run-end">): void {
    const run = this.#runs.get(event.runId)
    if (!run) return
    this.#runs.delete(event.runId)
    for (const [spanId, open] of run.spans) if (spanId !== 0) this.#make.end(open.span, event.atMs)
    if (run.open) this.#close(run.open, event)
  }

  startNode({ runId, spanId, parentId, node, kind, atMs }: EventOf<"node-start">): void {
    const attributes = { "sluice.node": node, "sluice.node.kind": kind }
    this.#open({ runId, spanId, parentId }, `node ${node}`, atMs, attributes)
  }

  endNode(event: EventOf<"node-end">): void {
    this.#end(event)
  }

  startItem({ runId, spanId, parentId, node, index, atMs }: EventOf<"item-start">): void {
    if (Math.floor((index + 1) * this.#itemRatio) === Math.floor(index * this.#itemRatio)) return
    this.#open({ runId, spanId, parentId }, `item ${node}`, atMs, { "sluice.node": node, "sluice.item.index": index })
  }

  endItem(event: EventOf<"item-end">): void {
    this.#find(event)?.span.setAttributes({
      "sluice.item.attempts": event.attempts,
      ...(event.replayed && { "sluice.item.replayed": true }),
    })
    this.#end(event)
  }

  /** Runs an attempt inside a span of its own. */
  attempt<R>(work: Extract<BegunWork, { readonly type: "attempt" }>, fn: () => R): R {
    const run = this.#runs.get(work.runId)
    if (!run) return fn()
    const item = run.spans.get(work.spanId)
    if (!item) return context.with(run.untraced, fn)
    this.#rested(item, work.atMs)
    const attributes = { "sluice.node": work.node, "sluice.attempt": work.attempt }
    const span = this.#make.start("attempt", work.atMs, item.context, attributes)
    if (!span) return context.with(run.untraced, fn)
    item.attempt = { span, context: trace.setSpan(item.context, span) }
    return context.with(item.attempt.context, fn)
  }

  endAttempt({ runId, parentId, attempt, node, startMs, atMs, ...rest }: EventOf<"attempt-end">): void {
    const item = parentId === undefined ? undefined : this.#runs.get(runId)?.spans.get(parentId)
    if (!item) return
    const attributes = { "sluice.node": node, "sluice.attempt": attempt }
    // A listener that is passed events by hand has surrounded nothing.
    const span =
      item.attempt?.span ??
      (startMs === undefined ? undefined : this.#make.start("attempt", startMs, item.context, attributes))
    item.attempt = undefined
    if ("error" in rest) item.restsSinceMs = atMs
    if (!span) return
    if ("error" in rest) this.#make.fail(span, rest.error)
    this.#make.end(span, atMs)
  }

  /** The item does something again. */
  resumed(about: About, atMs: number): void {
    const item = this.#find(about)
    if (item && !item.attempt) this.#rested(item, atMs)
  }

  /** Where a span belongs that an event of a call or of a quota tells of; nothing, where that is not traced. */
  around({ runId, spanId }: About): Context | undefined {
    const run = runId === undefined ? undefined : this.#runs.get(runId)
    if (!run || spanId === undefined) return context.active()
    const own = run.spans.get(spanId)
    return own && innermost(own.attempt?.context ?? own.context)
  }

  /** Where it runs when it is not traced. */
  untraced({ runId }: About): Context | undefined {
    return runId === undefined ? undefined : this.#runs.get(runId)?.untraced
  }

  #rested(item: Open, atMs: number): void {
    const { restsSinceMs, context: around } = item
    item.restsSinceMs = undefined
    if (restsSinceMs === undefined || atMs <= restsSinceMs) return
    const span = this.#make.start("backoff", restsSinceMs, around, {})
    if (span) this.#make.end(span, atMs)
  }

  #find({ runId, spanId }: About): Open | undefined {
    return runId === undefined || spanId === undefined ? undefined : this.#runs.get(runId)?.spans.get(spanId)
  }

  #open(
    {
      runId,
      spanId,
      parentId,
    }: { readonly runId: string; readonly spanId: number; readonly parentId: number | undefined },
    name: string,
    atMs: number,
    attributes: Readonly<Record<string, string | number>>,
  ): void {
    const spans = this.#runs.get(runId)?.spans
    const parent = parentId === undefined ? undefined : spans?.get(parentId)
    if (!spans || !parent) return
    const around = parent.attempt?.context ?? parent.context
    const span = this.#make.start(name, atMs, around, attributes)
    if (span) spans.set(spanId, opened(span, trace.setSpan(around, span)))
  }

  #end(event: EventOf<"node-end" | "item-end">): void {
    const open = this.#find(event)
    if (!open) return
    this.#runs.get(event.runId)?.spans.delete(event.spanId)
    this.#close(open, event)
  }

  #close({ span, attempt }: Open, event: EventOf<"run-end" | "node-end" | "item-end">): void {
    span.setAttribute("sluice.status", event.status)
    if (event.status !== "ok") this.#make.fail(span, event.error ?? event.status)
    if (attempt) this.#make.end(attempt.span, event.atMs)
    this.#make.end(span, event.atMs)
  }
}

function opened(span: Span, inside: Context): Open {
  return { span, context: inside, attempt: undefined, restsSinceMs: undefined }
}
