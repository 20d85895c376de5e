import { inspect } from "node:util"
import type { ToldEvent } from "../told-event.ts"
import type { ItemStatus, TraceStep } from "../wire.ts"

/** A step that goes on: what becomes known of it later is written into it. */
type LiveStep = { -readonly [Name in keyof TraceStep]: TraceStep[Name] }

/** Whose event it is. */
interface SpanOfEvent {
  readonly runId?: string
  readonly spanId?: number
}

/** How an item spent its time, while it goes on and for a while after. */
export interface Trace {
  readonly row: number
  readonly startMs: number
  endMs: number | undefined
  status: ItemStatus
  readonly steps: LiveStep[]
  /** What its calls took, until it is settled. */
  waitMs: number
  latencyMs: number
  calls: number
  inputTokens: number
  outputTokens: number
  usd: number
  finish: string | undefined
  /** What it failed with. */
  error: string | undefined
}

/** Settled items whose steps are kept: the last ones, and apart from them those that failed or were tried again. */
const mostKept = 4_000

/**
 * The steps of items: waits, calls, backoffs. Memory is what is in flight and a few thousand. All of this is done for each event of a run,
 * and most of it is kept for a while, which costs a collector more than it costs here: nothing is made that is thrown away at once.
 */
export class Traces {
  /** By run, then by span. */
  readonly #live = new Map<string, Map<number, Trace>>()
  readonly #kept = new Map<number, Trace>()
  readonly #special = new Map<number, Trace>()
  readonly #at: (atMs: number) => number

  constructor(at: (atMs: number) => number) {
    this.#at = at
  }

  start({ runId = "", spanId = -1 }: SpanOfEvent, row: number, atMs: number): void {
    this.#kept.delete(row)
    this.#special.delete(row)
    let ofRun = this.#live.get(runId)
    if (!ofRun) this.#live.set(runId, (ofRun = new Map()))
    ofRun.set(spanId, {
      row,
      startMs: this.#at(atMs),
      endMs: undefined,
      status: "in flight",
      steps: [],
      waitMs: 0,
      latencyMs: Number.NaN,
      calls: 0,
      inputTokens: Number.NaN,
      outputTokens: Number.NaN,
      usd: Number.NaN,
      finish: undefined,
      error: undefined,
    })
  }

  find({ runId = "", spanId = -1 }: SpanOfEvent): Trace | undefined {
    return this.#live.get(runId)?.get(spanId)
  }

  end(event: SpanOfEvent, status: ItemStatus, atMs: number): Trace | undefined {
    const { runId = "", spanId = -1 } = event
    const ofRun = this.#live.get(runId)
    const trace = ofRun?.get(spanId)
    if (!ofRun || !trace) return undefined
    ofRun.delete(spanId)
    if (ofRun.size === 0) this.#live.delete(runId)
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
    for (const trace of this.#goingOn()) if (trace.row === row) return trace
    return undefined
  }

  /** Those that go on and those that are kept. */
  *all(): Generator<Trace, void, undefined> {
    yield* this.#goingOn()
    yield* this.#kept.values()
    yield* this.#special.values()
  }

  *#goingOn(): Generator<Trace, void, undefined> {
    for (const ofRun of this.#live.values()) yield* ofRun.values()
  }

  waits(event: ToldEvent<"permit-wait">, reason: string): void {
    this.find(event)?.steps.push({ kind: "wait", fromMs: this.#at(event.atMs), reason })
  }

  /** A wait is over: nobody waits for two things at once. */
  waited(event: ToldEvent<"permit-admit" | "permit-leave">, reason: string): void {
    const trace = this.find(event)
    if (!trace) return
    const { waitedMs } = event
    trace.waitMs += waitedMs
    const toMs = this.#at(event.atMs)
    const at = trace.steps.findLastIndex(({ kind, toMs: end }) => kind === "wait" && end === undefined)
    const step = trace.steps[at]
    if (waitedMs < 1) {
      if (step) trace.steps.splice(at, 1)
    } else if (step) {
      step.fromMs = toMs - waitedMs
      step.toMs = toMs
      step.reason = reason
    } else trace.steps.push({ kind: "wait", fromMs: toMs - waitedMs, toMs, reason })
  }

  called(event: ToldEvent<"http-attempt">): void {
    const trace = this.find(event)
    if (!trace) return
    trace.calls++
    const fromMs = this.#at(event.startMs)
    const { status, requestId, model, error, decision, delayMs = 0 } = event
    const step: LiveStep = { kind: "call", fromMs, toMs: fromMs + event.durationMs, attempt: trace.calls, model }
    if (status !== undefined) step.status = status
    if (requestId !== undefined) step.requestId = requestId
    trace.steps.push(step)
    if (decision === "ok") return
    step.error = wordsOf(error) ?? decision
    const atMs = this.#at(event.atMs)
    if (delayMs > 0) trace.steps.push({ kind: "backoff", fromMs: atMs, toMs: atMs + delayMs })
  }

  ended(event: ToldEvent<"call-end">): void {
    const trace = this.find(event)
    if (!trace) return
    trace.finish = event.finishReasons?.at(-1) ?? event.error ?? trace.finish ?? "stop"
    const call = trace.steps.findLast(({ kind }) => kind === "call")
    if (!call) return
    // A stream's attempt is told when it begins: it ends with the call.
    call.toMs = Math.max(call.toMs ?? 0, this.#at(event.atMs))
    if (event.firstChunkMs !== undefined) call.firstChunkMs = this.#at(event.startMs) + event.firstChunkMs
  }

  held(event: ToldEvent<"permit-settle">): void {
    const trace = this.find(event)
    if (trace) trace.latencyMs = event.heldMs
  }

  used(event: ToldEvent<"usage">): void {
    const trace = this.find(event)
    if (!trace) return
    const { inputTokens = 0, outputTokens = 0, usd } = event.cost
    trace.inputTokens = (trace.inputTokens || 0) + inputTokens
    trace.outputTokens = (trace.outputTokens || 0) + outputTokens
    if (usd !== undefined) trace.usd = (trace.usd || 0) + usd
  }
}

export function spanOf({ runId = "", spanId }: SpanOfEvent): string {
  return `${runId}/${spanId ?? ""}`
}

/** Whatever was thrown: it need not be an error, nor anything that becomes JSON. */
export function wordsOf(error: unknown): string | undefined {
  if (error === undefined || typeof error === "string") return error
  if (error instanceof Error) return error.message || error.name
  try {
    return JSON.stringify(error) ?? inspect(error)
  } catch {
    return inspect(error, { breakLength: Infinity })
  }
}
