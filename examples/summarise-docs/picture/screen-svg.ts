import type { IBufferCell, Terminal } from "@xterm/headless"

const cellWidth = 8.4
const cellHeight = 19
const padding = 14
const background = "#101418"
const foreground = "#d7dde3"
/** The sixteen colours of a terminal, on a dark ground. */
const palette = [
  "#3b4450",
  "#f0737b",
  "#8ccf7e",
  "#e5c76b",
  "#67b0e8",
  "#c47fd5",
  "#6cbfbf",
  foreground,
  "#5a6673",
  "#f0737b",
  "#8ccf7e",
  "#e5c76b",
  "#67b0e8",
  "#c47fd5",
  "#6cbfbf",
  "#ffffff",
]

/** A terminal's screen, as it stands, as a picture. Block characters become rectangles, so that bars have no seams. */
export function screenSvg(terminal: Terminal, title: string): string {
  const buffer = terminal.buffer.active
  const lines = Array.from({ length: terminal.rows }, (_, row) => buffer.getLine(buffer.viewportY + row)!)
  const used = lines.findLastIndex((line) => line.translateToString(true) !== "") + 1
  const body = lines.slice(0, used).flatMap((line, row) => {
    const runs: { column: number; text: string; style: string }[] = []
    for (let column = 0; column < terminal.cols; column++) {
      const cell = line.getCell(column)
      if (!cell || cell.getWidth() === 0) continue
      const style = styleOf(cell)
      const last = runs.at(-1)
      const text = cell.getChars() || " "
      if (
        last &&
        last.style === style &&
        kindOf(last.text) === kindOf(text) &&
        last.column + last.text.length === column
      )
        last.text += text
      else runs.push({ column, text, style })
    }
    return runs
      .map((run) => ({ ...run, text: run.text.trimEnd() }))
      .filter(({ text }) => text !== "")
      .map((run) => drawRun(run, row))
  })
  const width = Math.round(terminal.cols * cellWidth + 2 * padding)
  const height = used * cellHeight + 2 * padding
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">
<rect width="100%" height="100%" rx="8" fill="${background}"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">
${body.join("\n")}
</g>
</svg>
`
}

function drawRun({ column, text, style }: { column: number; text: string; style: string }, row: number): string {
  const x = (padding + column * cellWidth).toFixed(1)
  const width = (text.length * cellWidth).toFixed(1)
  if (kindOf(text) === "text") {
    const y = padding + row * cellHeight + 14
    return `<text x="${x}" y="${y}" textLength="${width}" xml:space="preserve" ${style}>${escape(text)}</text>`
  }
  const opacity = kindOf(text) === "full" ? 1 : 0.25
  return `<rect x="${x}" y="${padding + row * cellHeight + 3}" width="${width}" height="12" ${style} fill-opacity="${opacity}"/>`
}

function kindOf(text: string): "full" | "light" | "text" {
  return text.startsWith("█") ? "full" : text.startsWith("░") ? "light" : "text"
}

function styleOf(cell: IBufferCell): string {
  const fill = cell.isFgPalette() ? (palette[cell.getFgColor()] ?? foreground) : foreground
  return `fill="${fill}"${cell.isBold() ? ' font-weight="bold"' : ""}${cell.isDim() ? ' opacity="0.65"' : ""}`
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")
}
