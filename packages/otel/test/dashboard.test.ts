import { readFileSync } from "node:fs"
import type { Meter, MeterProvider, MetricOptions } from "@opentelemetry/api"
import { expect, it } from "vitest"
import { telemetry } from "../src/index.ts"

const file = new URL("../../../docs/guides/opentelemetry-dashboard.json", import.meta.url)
const page = new URL("../../../docs/guides/opentelemetry.md", import.meta.url)

/** Every instrument: its name, its unit, and its kind. */
function instruments(): [name: string, unit: string, kind: string][] {
  const made: [string, string, string][] = []
  const make = (kind: string) => (name: string, options?: MetricOptions) => {
    made.push([name, options?.unit ?? "", kind])
    return { add() {}, record() {}, addCallback() {}, removeCallback() {} }
  }
  const meter: Partial<Meter> = {
    createHistogram: make("histogram"),
    createCounter: make("counter"),
    createObservableGauge: make("gauge"),
    createObservableUpDownCounter: make("gauge"),
    createObservableCounter: make("counter"),
    addBatchObservableCallback() {},
  }
  const meterProvider: MeterProvider = { getMeter: () => meter as Meter }
  telemetry({ meterProvider })({ type: "usage", atMs: 0, cost: {} })
  return made
}

/** As Prometheus names what it is sent by OTLP: unit and kind become suffixes, a unit in braces is none. */
function inPrometheus([name, unit, kind]: readonly [string, string, string]): string[] {
  const base = name.replaceAll(".", "_") + (unit === "s" ? "_seconds" : "")
  if (kind === "counter") return [`${base}_total`]
  return kind === "gauge" ? [base] : ["bucket", "count", "sum"].map((suffix) => `${base}_${suffix}`)
}

it("the dashboard asks for metrics that there are, and shows every one", () => {
  const dashboard = JSON.parse(readFileSync(file, "utf8")) as {
    panels: { title: string; targets: { expr: string }[] }[]
  }
  const exprs = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
  const asked = new Set(exprs.flatMap((expr) => expr.match(/\b(?:gen_ai_client|sluice)_\w+(?=[{[])/g) ?? []))
  const known = instruments().map(inPrometheus)
  expect([...asked].filter((name) => !known.flat().includes(name))).toEqual([])
  expect(known.filter((names) => !names.some((name) => asked.has(name)))).toEqual([])
})

it("the guide names every metric with its unit", () => {
  const text = readFileSync(page, "utf8")
  const rows = [...text.matchAll(/^\| `([\w.]+)` \| (\S*) ?\|/gm)].map(([, name, unit]) => `${name} ${unit}`)
  expect(rows.toSorted()).toEqual(
    instruments()
      .map(([name, unit]) => `${name} ${unit}`)
      .toSorted(),
  )
})
