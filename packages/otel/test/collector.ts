import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { onTestFinished } from "vitest"

export interface CollectedSpan {
  readonly name: string
  readonly kind: number
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Readonly<Record<string, unknown>>
  /** 2: an error. */
  readonly status: number
  readonly scope: string
}

export interface CollectedPoint {
  readonly attributes: Readonly<Record<string, unknown>>
  readonly value?: number
  readonly count?: number
  readonly sum?: number
  readonly bounds?: readonly number[]
}

export interface CollectedMetric {
  readonly name: string
  readonly unit: string
  readonly kind: "gauge" | "sum" | "histogram"
  readonly points: readonly CollectedPoint[]
}

/** What an OpenTelemetry collector is sent over HTTP, as JSON. */
export interface Collector {
  readonly url: string
  readonly spans: CollectedSpan[]
  /** As last sent. */
  readonly metrics: Map<string, CollectedMetric>
  /** Every byte that came. */
  readonly sent: string[]
}

/** A stand-in for a collector on loopback. Ends with the test. */
export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = []
  const metrics = new Map<string, CollectedMetric>()
  const sent: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString()
      sent.push(text)
      const body = JSON.parse(text) as Body
      for (const { scopeSpans = [] } of body.resourceSpans ?? [])
        for (const { scope, spans: all } of scopeSpans) spans.push(...all.map((each) => spanOf(each, scope.name)))
      for (const { scopeMetrics = [] } of body.resourceMetrics ?? [])
        for (const scope of scopeMetrics) for (const each of scope.metrics) metrics.set(each.name, metricOf(each))
      response.setHeader("content-type", "application/json")
      response.end("{}")
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(() => resolve()))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans, metrics, sent }
}

// Of OTLP's JSON, what is read here.
interface Body {
  readonly resourceSpans?: readonly {
    readonly scopeSpans?: readonly { readonly scope: Scope; readonly spans: RawSpan[] }[]
  }[]
  readonly resourceMetrics?: readonly { readonly scopeMetrics?: readonly { readonly metrics: RawMetric[] }[] }[]
}
interface Scope {
  readonly name: string
}
interface RawValue {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: number | string
  readonly doubleValue?: number
  readonly arrayValue?: { readonly values: readonly RawValue[] }
}
type RawAttributes = readonly { readonly key: string; readonly value: RawValue }[]
interface RawSpan extends Pick<CollectedSpan, "name" | "kind" | "traceId" | "spanId" | "parentSpanId"> {
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: RawAttributes
  readonly status: { readonly code?: number }
}
interface RawPoint {
  readonly attributes: RawAttributes
  readonly asDouble?: number
  readonly asInt?: number | string
  readonly count?: number | string
  readonly sum?: number
  readonly explicitBounds?: readonly number[]
}
interface RawMetric extends Pick<CollectedMetric, "name" | "unit"> {
  readonly gauge?: { readonly dataPoints: readonly RawPoint[] }
  readonly sum?: { readonly dataPoints: readonly RawPoint[] }
  readonly histogram?: { readonly dataPoints: readonly RawPoint[] }
}

function spanOf(raw: RawSpan, scope: string): CollectedSpan {
  const { name, kind, traceId, spanId, parentSpanId, startTimeUnixNano, endTimeUnixNano, status } = raw
  return {
    name,
    kind,
    traceId,
    spanId,
    ...(parentSpanId && { parentSpanId }),
    startMs: Number(BigInt(startTimeUnixNano) / 1000n) / 1000,
    endMs: Number(BigInt(endTimeUnixNano) / 1000n) / 1000,
    attributes: attributesOf(raw.attributes),
    status: status.code ?? 0,
    scope,
  }
}

function metricOf({ name, unit, ...raw }: RawMetric): CollectedMetric {
  const kind = raw.gauge ? "gauge" : raw.sum ? "sum" : "histogram"
  const points = raw[kind]?.dataPoints ?? []
  return {
    name,
    unit,
    kind,
    points: points.map(({ attributes, asDouble, asInt, count, sum, explicitBounds }) => ({
      attributes: attributesOf(attributes),
      ...(kind === "histogram"
        ? { count: Number(count), ...(sum !== undefined && { sum }), ...(explicitBounds && { bounds: explicitBounds }) }
        : { value: Number(asDouble ?? asInt) }),
    })),
  }
}

function attributesOf(raw: RawAttributes): Record<string, unknown> {
  return Object.fromEntries(raw.map(({ key, value }) => [key, valueOf(value)]))
}

function valueOf({ stringValue, boolValue, intValue, doubleValue, arrayValue }: RawValue): unknown {
  if (arrayValue) return arrayValue.values.map(valueOf)
  return stringValue ?? boolValue ?? doubleValue ?? (intValue === undefined ? undefined : Number(intValue))
}
