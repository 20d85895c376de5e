import { parse, View } from "vega"
import { compile, type TopLevelSpec } from "vega-lite"

export interface Bar {
  readonly group: string
  readonly name: string
  readonly value: number
  /** Why the value cannot be compared with the others: the bar is pale, and says so. */
  readonly note?: string
}

/** Horizontal bars, one facet a group, as SVG. The first name stands out. */
export async function barChart(title: string, bars: readonly Bar[], names: readonly string[]): Promise<string> {
  const spec: TopLevelSpec = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: { text: title, anchor: "start" },
    background: "white",
    data: { values: bars.map((bar) => ({ ...bar, label: labelOf(bar), opacity: bar.note === undefined ? 1 : 0.35 })) },
    facet: { field: "group", type: "nominal", title: null, sort: null },
    columns: 2,
    spec: {
      width: 260,
      encoding: {
        y: { field: "name", type: "nominal", sort: [...names], title: null },
        x: { field: "value", type: "quantitative", title: null },
      },
      layer: [
        {
          mark: { type: "bar" },
          encoding: {
            color: {
              condition: { test: `datum.name === ${JSON.stringify(names[0])}`, value: "#0b6e4f" },
              value: "#b8c4cc",
            },
            opacity: { field: "opacity", type: "quantitative", scale: null },
          },
        },
        { mark: { type: "text", align: "left", dx: 3 }, encoding: { text: { field: "label", type: "nominal" } } },
      ],
    },
  }
  return await new View(parse(compile(spec).spec), { renderer: "none" }).toSVG()
}

function labelOf({ value, note }: Bar): string {
  const figure = String(Number(value.toFixed(2)))
  return note === undefined ? figure : `(${figure}) ${note}`
}
