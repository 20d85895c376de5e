import type { MeterProvider, TracerProvider } from "@opentelemetry/api"
import type { EventSink } from "@sluice/core"
import { be, callable, checkOptions, flag, having, type Shape } from "@sluice/core/internal"

/** Options of `telemetry`. */
export interface TelemetryOptions {
  /** Default: the global one. */
  readonly tracerProvider?: TracerProvider
  /** Default: the global one. */
  readonly meterProvider?: MeterProvider
  /**
   * The share of a batch's items, from 0 to 1, that get spans, with all that is below them; evenly spread, known by their index. Metrics
   * count every item. Default 1.
   */
  readonly itemRatio?: number
  /** Whether spans carry prompts and answers, as `gen_ai.input.messages` and `gen_ai.output.messages`. Default false. */
  readonly content?: boolean
  /** Another listener, which is told everything too. */
  readonly onEvent?: EventSink
}

const checks: Shape<TelemetryOptions> = {
  tracerProvider: having("a tracer provider", "getTracer"),
  meterProvider: having("a meter provider", "getMeter"),
  itemRatio: be("a number from 0 to 1", (value) => typeof value === "number" && value >= 0 && value <= 1),
  content: flag,
  onEvent: callable,
}

export function checkTelemetryOptions(options: TelemetryOptions): void {
  checkOptions("telemetry", options, checks)
}
