import { parse, View } from "vega"
import { compile, type TopLevelSpec } from "vega-lite"

export interface Bar {
  readonly group: string
  readonly name: string
  readonly value: number
}

/** Horizontal bars, one facet a group, as SVG. The first name stands out. */
export async function barChart(title: string, bars: readonly Bar[], names: readonly string[]): Promise<string> {
  const spec: TopLevelSpec = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: { text: title, anchor: "start" },
    background: "white",
    data: { values: bars.map((bar) => ({ ...bar, label: Number(bar.value.toFixed(2)) })) },
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
          },
        },
        { mark: { type: "text", align: "left", dx: 3 }, encoding: { text: { field: "label", type: "quantitative" } } },
      ],
    },
  }
  return await new View(parse(compile(spec).spec), { renderer: "none" }).toSVG()
}
