import { metrics, trace } from "@opentelemetry/api"
import type { EventSink, SluiceEvent } from "@sluice/core"
import { runWithin } from "@sluice/core/internal"
import { BatchSpans } from "./batch-spans.ts"
import { CallSpans } from "./call-spans.ts"
import { conventionsOf } from "./conventions.ts"
import { Instruments } from "./instruments.ts"
import { checkTelemetryOptions, type TelemetryOptions } from "./options.ts"
import { QuotaWatch } from "./quota-watch.ts"
import { RunSpans } from "./run-spans.ts"
import { SpanMaker } from "./span-maker.ts"

const scope = "@sluice/otel"

/**
 * An event sink that turns what runs, calls and quotas tell into OpenTelemetry's spans and metrics: for `onEvent` of `limitedFetch`, of
 * `createQuota` and of a run, the same one for all.
 *
 * Spans: run, node, item, attempt, then the call to a model by the conventions for generative AI, and inside it each wait for
 * admission with `sluice.blocked_by`, each HTTP attempt and each backoff; a vendor's batch from its submission to its end. The attempt's context is active inside `exec`, so the spans
 * of an instrumented SDK nest there. What is below a span that is not sampled is not sampled, and nothing is made for it.
 * No span or metric carries a key; prompts and answers only with `content: true`.
 *
 * @throws SluiceError `invalid-option`
 * @example
 * ```ts
 * const otel = telemetry()
 * const fetch = limitedFetch({ requestsPerMinute: 500, onEvent: otel })
 * ```
 */
export function telemetry(options: TelemetryOptions = {}): EventSink {
  checkTelemetryOptions(options)
  const { tracerProvider, meterProvider, itemRatio = 1, content = false, onEvent } = options
  const host = (globalThis as { process?: { env?: Readonly<Record<string, string | undefined>> } }).process
  const conventions = conventionsOf(host?.env?.["OTEL_SEMCONV_STABILITY_OPT_IN"])
  const make = new SpanMaker((tracerProvider ?? trace).getTracer(scope))
  const runs = new RunSpans(make, itemRatio)
  const calls = new CallSpans(make, runs, conventions, content)
  const batches = new BatchSpans(make, runs)
  const quotas = new QuotaWatch()
  // Made at the first event: a meter that is asked for before a global provider is set stays mute.
  let instruments: Instruments | undefined
  const counters = (): Instruments => {
    if (instruments) return instruments
    const meter = (meterProvider ?? metrics).getMeter(scope)
    quotas.observe(meter)
    return (instruments = new Instruments(meter, conventions))
  }

  const hear = (event: SluiceEvent): void => {
    switch (event.type) {
      case "run-start":
        if (event.wallMs !== undefined) make.time.anchor(event.atMs, event.wallMs)
        return runs.startRun(event)
      case "run-end":
        return runs.endRun(event)
      case "node-start":
        return runs.startNode(event)
      case "node-end":
        return runs.endNode(event)
      case "item-start":
        return runs.startItem(event)
      case "attempt-end":
        return runs.endAttempt(event)
      case "item-end":
        counters().item(event)
        return runs.endItem(event)
      case "permit-wait":
        return runs.resumed(event, event.atMs)
      case "permit-admit":
      case "permit-leave":
        return calls.waited(event)
      case "http-attempt":
        return calls.attempt(event)
      case "call-end":
        counters().call(event)
        return calls.endCall(event)
      case "vendor-batch":
        return batches.hear(event)
      case "usage":
        return counters().spent(event)
      case "throttle":
        return counters().refused(event)
      case "gate-close":
      case "gate-open":
        return quotas.gate(event)
      default:
        return
    }
  }

  const sink = (event: SluiceEvent): void => {
    try {
      onEvent?.(event)
    } finally {
      hear(event)
    }
  }
  return Object.assign(sink, {
    wantsContent: content || onEvent?.wantsContent === true,
    watch: (state) => {
      counters()
      const now = quotas.add(state)
      make.time.anchor(now.atMs, now.wallMs)
      onEvent?.watch?.(state)
    },
    within: (work, fn) => {
      const inner: typeof fn = onEvent ? () => runWithin(onEvent, work, fn) : fn
      if (work.type === "attempt") return runs.attempt(work, inner)
      make.time.anchor(work.atMs, work.wallMs)
      return calls.call(work, inner)
    },
  } satisfies Pick<EventSink, "wantsContent" | "watch" | "within">)
}
