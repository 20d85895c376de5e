import type { ToldEvent } from "../told-event.ts"
import { ItemError, type QuotaState, type SluiceEvent } from "@sluice/core"
import { PaceClock } from "@sluice/core/internal"
import { LiveSeries } from "../chart/live-series.ts"
import { MarkList } from "../chart/mark-list.ts"
import { ItemColumns } from "../items/item-columns.ts"
import { RowIndex } from "../items/row-index.ts"
import { spanOf, type Trace, Traces, wordsOf } from "../items/traces.ts"
import type { PageState, RunStatus } from "../wire.ts"
import { statusAfter } from "../controls.ts"
import type { RunModelOptions } from "./run-model-options.ts"
import type { RunSums } from "./run-sums.ts"
import { forecast } from "./forecast.ts"
import { NodeTally } from "./node-tally.ts"
import { perMinute, totalOf, WatchedQuotas } from "./watched-quotas.ts"
import { RateWindow } from "./rate-window.ts"
import { reasonWords, WaitingCalls } from "./waiting-calls.ts"

/** Adds events up to what the page shows. Memory is 45 bytes an item, and what is in flight. */
export class RunModel {
  readonly columns: ItemColumns
  readonly index: RowIndex = new RowIndex()
  readonly series: LiveSeries = new LiveSeries()
  readonly marks: MarkList
  readonly traces: Traces
  readonly startWallMs: number
  status: RunStatus = "running"
  isRetryWanted = false
  readonly #options: RunModelOptions
  readonly #startMs: number
  /** From a journal, which has the wall's time alone: where a machine sleeps, that goes on and the other does not. */
  readonly #isRead: boolean
  readonly #quotas = new WatchedQuotas()
  readonly #waiting = new WaitingCalls()
  readonly #nodes = new NodeTally()
  /** On the pace's clock, as is all that is made of it. */
  readonly #settles = new RateWindow()
  readonly #pace = new PaceClock()
  /** Steps that have begun: only their nodes count by themselves, others by their items. */
  readonly #steps = new Set<string>()
  readonly #inFlight = new Map<string, number>()
  #sent = 0
  #retried = 0
  #refused = 0
  #asked = 0
  #input = 0
  #output = 0
  #usd: number | undefined
  #lastCost: unknown
  #trouble: string | undefined
  #endedMs: number | undefined
  #firstSettleMs = 0

  constructor(options: RunModelOptions, startWallMs?: number) {
    this.#options = options
    this.columns = new ItemColumns(options.redact)
    this.#startMs = options.clock.now()
    this.startWallMs = startWallMs ?? options.clock.wallNow()
    this.#isRead = startWallMs !== undefined
    this.marks = new MarkList(this.at)
    this.traces = new Traces(this.at)
  }

  /** On the page's clock. */
  readonly at = (atMs: number): number => atMs - this.#startMs

  /** What `at` takes, of what is known by the wall's clock. */
  clockOf(wallMs: number): number {
    return wallMs - this.startWallMs + this.#startMs
  }

  now(): number {
    const { clock } = this.#options
    return this.#isRead ? clock.wallNow() - this.startWallMs : this.at(clock.now())
  }

  watch(state: () => QuotaState): void {
    this.#quotas.add(state)
  }

  hear(event: SluiceEvent): void {
    switch (event.type) {
      case "item-start":
        return this.#startItem(event)
      case "item-end":
        return this.#endItem(event)
      case "node-start":
        if (event.kind !== "step") return
        this.#steps.add(spanOf(event))
        return this.#nodes.started(event.node)
      case "node-end":
        if (this.#steps.delete(spanOf(event))) this.#nodes.ended(event.node, event.status, this.at(event.atMs))
        return
      case "permit-wait":
        this.#waiting.hear(event)
        return this.traces.waits(event, reasonWords(event.blockedBy))
      case "permit-admit":
        this.#inFlight.set(event.quota, event.inFlight)
        this.series.take(event.cost.requests ?? 1, 0)
        this.#waiting.hear(event)
        if (event.blockedBy !== undefined) this.traces.waited(event, reasonWords(event.blockedBy))
        return
      case "permit-leave":
        this.#waiting.hear(event)
        return this.traces.waited(event, reasonWords(event.blockedBy))
      case "permit-settle":
        this.#inFlight.set(event.quota, event.inFlight)
        return this.traces.held(event)
      case "http-attempt":
        return this.#attempt(event)
      case "call-end":
        return this.traces.ended(event)
      case "usage":
        return this.#use(event)
      case "throttle":
        this.#refused++
        return this.marks.hear(event)
      case "control":
        this.#pace.hear(event.action, this.at(event.atMs))
        if (event.action === "retry-failed") this.isRetryWanted = true
        if (!this.isOver) this.status = statusAfter[event.action] ?? this.status
        return this.marks.hear(event)
      case "limit-change":
      case "gate-close":
      case "gate-open":
      case "warning":
        return this.marks.hear(event)
      case "run-end":
        return this.end(event.status)
      case "run-start":
        return this.begin()
      default:
    }
  }

  /** It goes on again, after an end. */
  begin(): void {
    this.status = "running"
    this.isRetryWanted = false
    this.#pace.hear("resume", this.now())
    this.#endedMs = undefined
  }

  end(status: "ok" | "failed" | "cancelled" | "interrupted", atMs: number = this.now()): void {
    this.status = status
    this.isRetryWanted &&= status !== "cancelled"
    this.#endedMs = atMs
  }

  /** Now, or when it ended. */
  get latestMs(): number {
    return this.#endedMs ?? this.now()
  }

  get isOver(): boolean {
    return this.#endedMs !== undefined
  }

  /** What a run has taken whose items are read and whose events nobody hears; `settledMs` tells what is new. */
  take(sums: RunSums, settledMs: Iterable<number>): void {
    this.#asked = sums.settled
    this.#sent = sums.calls
    this.#input = sums.inputTokens
    this.#output = sums.outputTokens
    this.#usd = sums.usd
    for (const atMs of settledMs) this.#settles.add(this.#pace.of(atMs), 1)
  }

  /** Ends a moment of the charts. */
  tick(): void {
    if (this.isOver) return
    const quotas = this.#quotas.now()
    this.series.close(this.now(), {
      inFlight: totalOf(this.#inFlight),
      requestLimit: perMinute(quotas, ["requests"]),
      tokenLimit: perMinute(quotas, ["tokens"]) ?? perMinute(quotas, ["inputTokens", "outputTokens"]),
      waiting: new Map(this.#waiting.now),
    })
  }

  state(): PageState {
    const { title, total: itemsInAll, actions, loading } = this.#options
    const atMs = this.now()
    const { counts, replayed, retried, cut, version } = this.columns
    const [inFlight = 0, ok = 0, failed = 0, cancelled = 0] = counts
    const quotas = this.#quotas.now()
    const total = itemsInAll()
    const left = total === undefined ? 0 : Math.max(0, total - ok - failed)
    const [asked, tokens] = [Math.max(1, this.#asked), this.#input + this.#output]
    const [settles, startMs, paceMs] = [this.#settles, this.#firstSettleMs, this.#pace.of(atMs)]
    const each = { requestsEach: this.#sent / asked, tokensEach: tokens / asked }
    const isStill = this.isOver || this.status === "paused"
    const eta = isStill ? undefined : forecast({ atMs: paceMs, startMs, left, settles, quotas, ...each })
    const budget = quotas.flatMap(({ limits }) => limits).find(({ dimension }) => dimension === "usd")
    const isForeseen = total !== undefined && this.#asked > 0 && !this.isOver
    return {
      title,
      status: this.status,
      atMs: Math.round(atMs),
      startWallMs: this.startWallMs,
      elapsedMs: Math.round(this.#endedMs ?? atMs),
      ...(total !== undefined && { total }),
      items: { ok, failed, inFlight, cancelled, replayed, retried, cut },
      perMinute: isStill ? 0 : settles.perMinute(paceMs, 30_000, startMs),
      ...(eta && { eta }),
      calls: { inFlight: totalOf(this.#inFlight), sent: this.#sent, retried: this.#retried, refused: this.#refused },
      waiting: this.#waiting.list(),
      tokens: {
        input: this.#input,
        output: this.#output,
        ...(isForeseen && { expected: tokens + (tokens / asked) * left }),
      },
      ...(this.#usd !== undefined && {
        usd: { spent: this.#usd, ...(isForeseen && { expected: this.#usd + (this.#usd / asked) * left }) },
      }),
      ...(budget && { budget: { limit: budget.limit, left: budget.level } }),
      quotas,
      ...(this.#trouble !== undefined && !this.isOver && { trouble: this.#trouble }),
      actions: actions(),
      isRetryWanted: this.isRetryWanted,
      version,
      loading: loading(),
      nodes: this.#nodes.state(atMs, this.isOver),
    }
  }

  #startItem(event: ToldEvent<"item-start">): void {
    const { node, index } = event
    this.#nodes.started(node)
    // In a flow each run of a node has items of its own; elsewhere an item that comes again is the same one.
    const known = event.parentId === undefined ? this.index.get(node, index) : undefined
    const row = known ?? this.columns.add(node, index)
    if (known === undefined) this.index.set(node, index, row)
    this.traces.start(event, row, event.atMs)
    // One that was settled in an earlier run is told anew: until it is known whether it is asked again it stays what it was.
    if (known !== undefined && this.columns.status(row) !== "in flight") this.columns.setStatus(row, "in flight")
  }

  #endItem(event: ToldEvent<"item-end">): void {
    const { node, status, replayed = false } = event
    const atMs = this.at(event.atMs)
    this.#nodes.ended(node, status, atMs, replayed)
    const trace = this.traces.end(event, status, event.atMs)
    if (!trace) return
    const { row } = trace
    this.columns.setReplayed(row, replayed)
    if (!replayed) {
      if (status !== "cancelled") {
        if (this.#asked++ === 0) this.#firstSettleMs = Math.max(0, this.#pace.of(trace.startMs))
        this.#settles.add(this.#pace.of(atMs), 1)
      }
      this.#write(row, trace, event.attempts, atMs)
      // A flow that collects what fails wraps it: in what the item is, and how often it was tried, which stands beside it here.
      const why = ItemError.isInstance(event.error) ? (event.error.cause ?? event.error) : event.error
      const { code } = (why ?? {}) as { code?: unknown }
      if (status === "failed") trace.error = wordsOf(why) ?? "error"
      const named = typeof code === "string" || typeof code === "number" ? String(code) : trace.error
      this.columns.setFinish(row, status === "failed" ? named : trace.finish)
    }
    this.columns.setStatus(row, status)
  }

  #write(row: number, trace: Trace, attempts: number, atMs: number): void {
    const { waitMs, latencyMs, inputTokens, outputTokens, usd, calls } = trace
    this.columns.write(row, {
      attempts: Math.max(calls, attempts),
      waitMs,
      latencyMs: Number.isNaN(latencyMs) ? Math.max(0, atMs - trace.startMs - waitMs) : latencyMs,
      inputTokens,
      outputTokens,
      usd,
      settledMs: atMs,
    })
  }

  #attempt(event: ToldEvent<"http-attempt">): void {
    this.#sent++
    if (event.attempt > 1) this.#retried++
    const { status, error, decision } = event
    this.#trouble =
      decision === "ok" ? undefined : `${status ?? "no answer"} (${typeof error === "string" ? error : decision})`
    this.traces.called(event)
  }

  #use(event: ToldEvent<"usage">): void {
    // Inside a flow a call's usage is told twice, by the run and by the fetch: it is the same object.
    if (event.cost === this.#lastCost) return
    this.#lastCost = event.cost
    const { inputTokens = 0, outputTokens = 0, usd } = event.cost
    this.#input += inputTokens
    this.#output += outputTokens
    if (usd !== undefined) this.#usd = (this.#usd ?? 0) + usd
    this.series.take(0, inputTokens + outputTokens)
    this.traces.used(event)
  }
}
