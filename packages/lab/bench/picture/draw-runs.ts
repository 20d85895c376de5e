import type { Sample } from "../quota/messages.ts"
import type { PictureFigures, RunFigures } from "./run-figures.ts"

const WIDTH = 640
const [LEFT, RIGHT, TOP] = [64, 16, 62]
/** Of one run: its two lines of text, its rates, its refusals. */
const [TEXT, RATES, REFUSALS, GAP] = [26, 80, 26, 18]
const PANEL = TEXT + RATES + REFUSALS + GAP
const BIN_MS = 1000

/** Tokens answered and calls refused in each second. */
export interface Bin {
  readonly tokens: number
  readonly refused: number
}

/** What was counted in each second, from what had been counted by then. */
export function binsOf(timeline: readonly Sample[]): Bin[] {
  const bins: { tokens: number; refused: number }[] = []
  let last: Sample = { atMs: 0, tokens: 0, refused: 0 }
  for (const sample of timeline) {
    // A sample ends the time that it tells about.
    const bin = (bins[Math.max(0, Math.ceil(sample.atMs / BIN_MS) - 1)] ??= { tokens: 0, refused: 0 })
    bin.tokens += sample.tokens - last.tokens
    bin.refused += sample.refused - last.refused
    last = sample
  }
  return Array.from(bins, (bin) => bin ?? { tokens: 0, refused: 0 })
}

/** Rate against quota, one run under the other, as SVG that is readable on light and dark pages. */
export function drawRuns(figures: PictureFigures): string {
  const { runs, tokensPerSecond } = figures
  const drawn = runs.map((run) => ({ run, bins: binsOf(run.timeline) }))
  const endMs = Math.max(...drawn.map(({ bins }) => bins.length)) * BIN_MS
  const most = Math.max(tokensPerSecond, ...drawn.flatMap(({ bins }) => bins.map(({ tokens }) => tokens)))
  const mostRefused = Math.max(1, ...drawn.flatMap(({ bins }) => bins.map(({ refused }) => refused)))
  const height = TOP + runs.length * PANEL + 24
  const scale: Scale = {
    x: (ms) => LEFT + (ms / endMs) * (WIDTH - LEFT - RIGHT),
    up: (tokens) => (tokens / most) * RATES,
    down: (refused) => (refused / mostRefused) * (REFUSALS - 6),
  }
  const panels = drawn.map(({ run, bins }, at) => panel(run, bins, TOP + at * PANEL, scale, figures))
  const seconds = Array.from({ length: Math.floor(endMs / 5000) + 1 }, (_, at) => at * 5)
  const axis = seconds.map((at) =>
    text(scale.x(at * 1000), height - 10, `${at} s`, `class="small" text-anchor="middle"`),
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(spoken(figures))}">
<style>
  text { font: 14px system-ui, sans-serif; fill: #1f2328 } .small { font-size: 12px; fill: #57606a } .name { font-weight: 600 }
  .card { fill: #ffffff; stroke: #d0d7de } .rate { fill: #2da077 } .answered { fill: #1a7f5a; font-weight: 600 } .refused { fill: #d1242f } .bad { fill: #c21c28 }
  .quota { stroke: #1f2328; stroke-dasharray: 5 4 } .base { stroke: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9da7b3 } .card { fill: #0d1117; stroke: #30363d } .answered { fill: #4cc79a } .refused { fill: #f85149 } .bad { fill: #ff7b72 }
    .quota { stroke: #e6edf3 }
  }
</style>
<rect class="card" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>
<text x="16" y="26">Tokens a second: <tspan class="answered">answered</tspan>, <tspan class="name">- - the quota</tspan>; below: <tspan class="bad">calls refused</tspan></text>
${text(16, 46, `${figures.title}; ${rounded(runs[0]?.calls ?? 0)} calls, ${seconds1(figures.oracleMs)} at the very least`, `class="small"`)}
${panels.join("\n")}
${axis.join("\n")}
</svg>
`
}

interface Scale {
  readonly x: (ms: number) => number
  readonly up: (tokens: number) => number
  readonly down: (refused: number) => number
}

function panel(
  run: RunFigures,
  bins: readonly Bin[],
  top: number,
  scale: Scale,
  { tokensPerSecond }: PictureFigures,
): string {
  const base = top + TEXT + RATES
  const lost = run.calls - run.answered
  const bars = bins.flatMap(({ tokens, refused }, at) => {
    const x = scale.x(at * BIN_MS) + 0.5
    const width = scale.x((at + 1) * BIN_MS) - scale.x(at * BIN_MS) - 1
    return [
      ...(tokens > 0 ? [bar("rate", x, base - scale.up(tokens), width, scale.up(tokens))] : []),
      ...(refused > 0 ? [bar("refused", x, base + 1, width, scale.down(refused))] : []),
    ]
  })
  const quotaY = fixed(base - scale.up(tokensPerSecond))
  const summary = `${seconds1(run.timeMs)}, ${rounded(run.refused)} refused, ${lost === 0 ? "none lost" : `${rounded(lost)} of ${rounded(run.calls)} lost`}`
  return [
    `<text x="16" y="${top + 14}"><tspan class="name">${escaped(run.name)}</tspan><tspan dx="10"${lost > 0 ? ` class="bad"` : ""}>${summary}</tspan></text>`,
    ...bars,
    line("base", base),
    line("quota", quotaY),
    text(LEFT - 6, quotaY + 4, `${rounded(tokensPerSecond / 1000)} k/s`, `class="small" text-anchor="end"`),
  ].join("\n")
}

function spoken({ title, runs, oracleMs }: PictureFigures): string {
  const each = runs.map(
    ({ name, calls, answered, refused, timeMs }) =>
      `${name}: ${answered} of ${calls} answered in ${seconds1(timeMs)}, ${refused} refused`,
  )
  return `${title}. ${each.join("; ")}. The least time possible is ${seconds1(oracleMs)}.`
}

function bar(name: string, x: number, y: number, width: number, height: number): string {
  return `<rect class="${name}" x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${fixed(height)}"/>`
}

function line(name: string, y: number): string {
  return `<line class="${name}" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/>`
}

function text(x: number, y: number, words: string, attributes: string): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" ${attributes}>${escaped(words)}</text>`
}

const fixed = (value: number): number => Number(value.toFixed(1))
const rounded = (value: number): string => Math.round(value).toLocaleString("en")
const seconds1 = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
const escaped = (words: string): string =>
  words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")
