import type { JSX } from "preact"
import { useEffect, useRef } from "preact/hooks"
import type UPlot from "uplot"
import type { Mark } from "../../src/wire.ts"
import { clock, short } from "../format.ts"
import { useDark } from "../live/use-dark.ts"

export interface Line {
  readonly label: string
  /** A custom property of the style sheet. */
  readonly color: string
  readonly values: readonly (number | null)[]
  readonly isDashed?: boolean
  readonly isFilled?: boolean
}

interface ChartProps {
  readonly title: string
  /** What a screen reader says instead of the picture. */
  readonly says: string
  readonly atMs: readonly number[]
  readonly lines: readonly Line[]
  /** Lines lie on one another, the first at the bottom. */
  readonly isStacked?: boolean
  readonly marks: readonly Mark[]
  readonly fromMs: number
}

const height = 150

/** Seconds between two times of the axis: a second is the least that it can tell. */
const timeSteps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400]

/** Between two numbers of the other axis: what is counted is whole. */
const countSteps = [
  1,
  2,
  5,
  ...Array.from({ length: 12 }, (_, power) => [10, 20, 25, 50].map((each) => each * 10 ** power)).flat(),
]

/** Lines over time, with the closings of gates as bands and diagnoses as marks. */
export function Chart(props: ChartProps): JSX.Element {
  const { title, says, lines } = props
  const place = useRef<HTMLDivElement>(null)
  const drawn = useRef<UPlot>(undefined)
  const latest = useRef(props)
  latest.current = props
  const isDark = useDark()
  const kind = JSON.stringify([isDark, lines.map(({ label, color }) => [label, color])])

  useEffect(() => {
    const element = place.current!
    const resized = new ResizeObserver(() => drawn.current?.setSize({ width: element.clientWidth, height }))
    let isGone = false
    let again: ReturnType<typeof setTimeout> | undefined
    // Half of the page's code: what stands in words is there before it. The server may go away meanwhile, and come back.
    const draw = (): Promise<void> =>
      import("uplot").then(
        ({ default: Plot }) => {
          if (isGone) return
          drawn.current = new Plot(optionsOf(latest, element), dataOf(latest.current), element)
          resized.observe(element)
        },
        () => {
          if (!isGone) again = setTimeout(() => void draw(), 1_000)
        },
      )
    void draw()
    return () => {
      isGone = true
      clearTimeout(again)
      resized.disconnect()
      drawn.current?.destroy()
      drawn.current = undefined
    }
  }, [kind])
  useEffect(() => drawn.current?.setData(dataOf(props)))

  return (
    <figure class="chart">
      <figcaption>
        <h2>{title}</h2>
        <ul class="legend">
          {lines.map(({ label, color, values, isDashed }) => (
            <li key={label}>
              <span
                class={`swatch ${isDashed ? "dashed" : ""}`}
                style={{ color: `var(${color})` }}
                aria-hidden="true"
              />
              {label} <b>{short(values.findLast((value) => value !== null) ?? 0)}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <div class="plot" ref={place} role="img" aria-label={says} />
    </figure>
  )
}

/** The x axis in seconds; stacked lines are sums. */
function dataOf({ atMs, lines, isStacked, fromMs }: ChartProps): UPlot.AlignedData {
  const first = atMs.findIndex((at) => at >= fromMs)
  const from = first === -1 ? 0 : first
  const columns = lines.map(({ values }) => values.slice(from))
  if (isStacked) {
    for (let line = 1; line < columns.length; line++)
      columns[line] = columns[line]!.map((value, at) => (value ?? 0) + (columns[line - 1]![at] ?? 0))
    columns.reverse()
  }
  return [atMs.slice(from).map((at) => at / 1_000), ...columns] as UPlot.AlignedData
}

function optionsOf(props: { readonly current: ChartProps }, element: HTMLElement): UPlot.Options {
  const { lines, isStacked } = props.current
  const style = getComputedStyle(element)
  const color = (name: string): string => style.getPropertyValue(name).trim()
  const axis = { stroke: color("--faint"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } }
  const series = lines.map(({ label, color: name, isDashed, isFilled }) => ({
    label,
    stroke: color(name),
    width: 1.5,
    ...(isDashed && { dash: [4, 4] }),
    ...((isFilled || isStacked) && { fill: isStacked ? color(name) : `${color(name)}22` }),
    points: { show: false },
  }))
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 5 } },
    scales: { x: { time: false }, y: { range: (_plot, _least, most) => [0, Math.max(1, (most || 0) * 1.1)] } },
    axes: [
      {
        ...axis,
        size: 26,
        gap: 8,
        incrs: timeSteps,
        values: (_plot, ticks) => ticks.map((tick) => clock(tick * 1_000)),
      },
      { ...axis, size: 46, incrs: countSteps, values: (_plot, ticks) => ticks.map((tick) => short(tick)) },
    ],
    series: [{}, ...(isStacked ? series.toReversed() : series)],
    // After the grid, which would cross them, and before the lines.
    hooks: { drawAxes: [(plot) => drawMarks(plot, props.current.marks, color)] },
  }
}

function drawMarks(plot: UPlot, marks: readonly Mark[], color: (name: string) => string): void {
  const { ctx, bbox } = plot
  const [from = 0, to = 0] = [plot.scales["x"]?.min, plot.scales["x"]?.max]
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  const x = (ms: number): number => plot.valToPos(ms / 1_000, "x", true)
  for (const { kind, atMs, untilMs } of marks) {
    if ((untilMs ?? atMs) < from * 1_000 || atMs > to * 1_000) continue
    if (kind === "gate") {
      ctx.fillStyle = color("--band")
      ctx.fillRect(x(atMs), bbox.top, Math.max(2, x(untilMs ?? atMs) - x(atMs)), bbox.height)
    } else {
      ctx.fillStyle = color(markColors[kind])
      // Faint: of many refusals the lines would hide what is drawn.
      ctx.globalAlpha = 0.4
      ctx.fillRect(Math.round(x(atMs)), bbox.top, 1, bbox.height)
      ctx.globalAlpha = 1
      ctx.beginPath()
      ctx.moveTo(x(atMs) - 4, bbox.top)
      ctx.lineTo(x(atMs) + 5, bbox.top)
      ctx.lineTo(x(atMs) + 0.5, bbox.top + 7)
      ctx.fill()
    }
  }
  ctx.restore()
}

/** The colour of each kind of mark. */
export const markColors: Readonly<Record<Mark["kind"], string>> = {
  refused: "--bad",
  limit: "--limit",
  gate: "--wait",
  control: "--accent",
  warning: "--wait",
}
