import type { ToldEvent } from "../told-event.ts"
import type { ItemStatus, TraceStep } from "../wire.ts"

/** How an item spent its time, while it goes on and for a while after. */
export interface Trace {
  readonly row: number
  readonly startMs: number
  endMs?: number
  status: ItemStatus
  steps: TraceStep[]
  /** What its calls took, until it is settled. */
  waitMs: number
  latencyMs: number
  calls: number
  inputTokens: number
  outputTokens: number
  usd: number
  finish?: string
}

/** Settled items whose steps are kept: the last ones, and apart from them those that failed or were tried again. */
const mostKept = 4_000

/** The steps of items: waits, calls, backoffs. Memory is what is in flight and a few thousand. */
export class Traces {
  readonly #live = new Map<string, Trace>()
  readonly #kept = new Map<number, Trace>()
  readonly #special = new Map<number, Trace>()
  readonly #at: (atMs: number) => number

  constructor(at: (atMs: number) => number) {
    this.#at = at
  }

  start(span: string, row: number, atMs: number): void {
    this.#kept.delete(row)
    this.#special.delete(row)
    this.#live.set(span, {
      row,
      startMs: this.#at(atMs),
      status: "in flight",
      steps: [],
      waitMs: 0,
      latencyMs: Number.NaN,
      calls: 0,
      inputTokens: Number.NaN,
      outputTokens: Number.NaN,
      usd: Number.NaN,
    })
  }

  find(event: { readonly runId?: string; readonly spanId?: number }): Trace | undefined {
    return this.#live.get(spanOf(event))
  }

  end(span: string, status: ItemStatus, atMs: number): Trace | undefined {
    const trace = this.#live.get(span)
    if (!trace) return undefined
    this.#live.delete(span)
    trace.endMs = this.#at(atMs)
    trace.status = status
    const into = status === "failed" || trace.calls > 1 ? this.#special : this.#kept
    into.set(trace.row, trace)
    if (into.size > mostKept) into.delete(into.keys().next().value!)
    return trace
  }

  of(row: number): Trace | undefined {
    const settled = this.#kept.get(row) ?? this.#special.get(row)
    if (settled) return settled
    for (const trace of this.#live.values()) if (trace.row === row) return trace
    return undefined
  }

  /** Those that go on and those that are kept. */
  *all(): Generator<Trace, void, undefined> {
    yield* this.#live.values()
    yield* this.#kept.values()
    yield* this.#special.values()
  }

  waited(event: ToldEvent<"permit-admit" | "permit-leave">): void {
    const trace = this.find(event)
    if (!trace || event.blockedBy === undefined) return
    trace.waitMs += event.waitedMs
    const toMs = this.#at(event.atMs)
    trace.steps = trace.steps.filter((step) => step.kind !== "wait" || step.toMs !== undefined)
    if (event.waitedMs >= 1)
      trace.steps.push({ kind: "wait", fromMs: toMs - event.waitedMs, toMs, reason: event.blockedBy })
  }

  waits(event: ToldEvent<"permit-wait">): void {
    this.find(event)?.steps.push({ kind: "wait", fromMs: this.#at(event.atMs), reason: event.blockedBy })
  }

  called(event: ToldEvent<"http-attempt">): void {
    const trace = this.find(event)
    if (!trace) return
    trace.calls++
    const fromMs = this.#at(event.startMs)
    const { status, requestId, model, error, decision, delayMs = 0 } = event
    trace.steps.push({
      kind: "call",
      fromMs,
      toMs: fromMs + event.durationMs,
      attempt: trace.calls,
      model,
      ...(status !== undefined && { status }),
      ...(requestId !== undefined && { requestId }),
      ...(decision !== "ok" && { error: wordsOf(error) ?? decision }),
    })
    if (decision !== "ok" && delayMs > 0) {
      const atMs = this.#at(event.atMs)
      trace.steps.push({ kind: "backoff", fromMs: atMs, toMs: atMs + delayMs })
    }
  }

  ended(event: ToldEvent<"call-end">): void {
    const trace = this.find(event)
    if (!trace) return
    trace.finish = event.finishReasons?.at(-1) ?? event.error ?? trace.finish ?? "stop"
    const at = trace.steps.findLastIndex(({ kind }) => kind === "call")
    const call = trace.steps[at]
    if (!call) return
    // A stream's attempt is told when it begins: it ends with the call.
    const toMs = Math.max(call.toMs ?? 0, this.#at(event.atMs))
    const firstChunkMs = event.firstChunkMs === undefined ? undefined : this.#at(event.startMs) + event.firstChunkMs
    trace.steps[at] = { ...call, toMs, ...(firstChunkMs !== undefined && { firstChunkMs }) }
  }

  held(event: ToldEvent<"permit-settle">): void {
    const trace = this.find(event)
    if (trace) trace.latencyMs = event.heldMs
  }

  used({ cost, ...event }: ToldEvent<"usage">): void {
    const trace = this.find(event)
    if (!trace) return
    const { inputTokens = 0, outputTokens = 0, usd } = cost
    trace.inputTokens = (trace.inputTokens || 0) + inputTokens
    trace.outputTokens = (trace.outputTokens || 0) + outputTokens
    if (usd !== undefined) trace.usd = (trace.usd || 0) + usd
  }
}

export function spanOf({ runId = "", spanId }: { readonly runId?: string; readonly spanId?: number }): string {
  return `${runId}/${spanId ?? ""}`
}

export function wordsOf(error: unknown): string | undefined {
  if (error === undefined) return undefined
  if (error instanceof Error) return error.message
  return typeof error === "string" ? error : JSON.stringify(error)
}
