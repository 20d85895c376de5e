import type { DocumentResult } from "./document-result.ts"
import type { Figures } from "./figures.ts"

export interface Report {
  readonly model: string
  /** Printed in bold under the title; says where answers come from when no LLM was used. */
  readonly notice?: string
  readonly stopped: boolean
  readonly figures: Figures
  /** In the order of the input. */
  readonly results: readonly DocumentResult[]
}

/** The run as one Markdown page: figures, what has no summary and why, then the summaries. */
export function renderReport(report: Report): string {
  const { results } = report
  const done = results.filter(({ status }) => status === "ok")
  const rest = results.filter(({ status }) => status !== "ok")
  return [
    `# ${done.length} of ${results.length} documents, summarised with ${report.model}`,
    ...(report.notice === undefined ? [] : [`**${report.notice}**`]),
    ...(report.stopped ? ["The run was stopped before it was complete."] : []),
    ["| | |", "|---|---|", ...report.figures.map(([label, value]) => `| ${cell(label)} | ${cell(value)} |`)].join("\n"),
    ...(rest.length === 0 ? [] : ["## Without a summary", rest.map(withoutSummary).join("\n")]),
    "## Summaries",
    ...done.map(({ file, summary }) => `### ${heading(file)}\n\n${quote(summary ?? "")}`),
  ]
    .join("\n\n")
    .concat("\n")
}

function withoutSummary({ file, status, reason }: DocumentResult): string {
  return `- ${heading(file)}: ${status}${reason === undefined ? "" : `, ${oneLine(reason)}`}`
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim()
}

function cell(text: string): string {
  return oneLine(text).replaceAll("|", "\\|")
}

/** A path as code, whatever characters it has. */
function heading(file: string): string {
  const fence = "`".repeat(1 + Math.max(0, ...(file.match(/`+/g) ?? []).map((run) => run.length)))
  return fence === "`" ? `\`${file}\`` : `${fence} ${file} ${fence}`
}

/** A summary may itself hold Markdown: as a quotation it cannot break the page. */
function quote(text: string): string {
  return text
    .split("\n")
    .map((line) => `> ${line}`.trimEnd())
    .join("\n")
}
