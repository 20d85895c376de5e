import { context, type MeterProvider as MeterPort, type TracerProvider as TracerPort } from "@opentelemetry/api"
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks"
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http"
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http"
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics"
import { BatchSpanProcessor, type Sampler, TracerProvider } from "@opentelemetry/sdk-trace"
import { onTestFinished } from "vitest"
import { type Collector, startCollector } from "./collector.ts"

export interface SetUp extends Collector {
  readonly providers: { readonly tracerProvider: TracerPort; readonly meterProvider: MeterPort }
  /** Sends everything. */
  readonly flush: () => Promise<void>
}

/** OpenTelemetry's own SDK and exporters, to a collector on loopback. */
export async function setUp(sampler?: Sampler): Promise<SetUp> {
  const collector = await startCollector()
  const manager = new AsyncLocalStorageContextManager().enable()
  context.setGlobalContextManager(manager)
  const exporter = new OTLPTraceExporter({ url: `${collector.url}/v1/traces` })
  const tracerProvider = new TracerProvider({
    spanProcessors: [new BatchSpanProcessor({ exporter })],
    ...(sampler && { sampler }),
  })
  const meterProvider = new MeterProvider({
    readers: [
      new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter({ url: `${collector.url}/v1/metrics` }) }),
    ],
  })
  onTestFinished(async () => {
    context.disable()
    await Promise.all([tracerProvider.shutdown(), meterProvider.shutdown()])
  })
  return {
    ...collector,
    providers: { tracerProvider, meterProvider },
    flush: async () => void (await Promise.all([tracerProvider.forceFlush(), meterProvider.forceFlush()])),
  }
}
