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
    `# ${done.length} of ${results.length} documents, summarised with ${inert(oneLine(report.model))}`,
    ...(report.notice === undefined ? [] : [`**${inert(oneLine(report.notice))}**`]),
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
  return `- ${heading(file)}: ${status}${reason === undefined ? "" : `, ${inert(oneLine(reason))}`}`
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim()
}

function cell(text: string): string {
  return inert(oneLine(text)).replaceAll("|", "\\|")
}

/** A path as code, whatever characters it has. */
function heading(path: string): string {
  const file = oneLine(path)
  const fence = "`".repeat(1 + Math.max(0, ...(file.match(/`+/g) ?? []).map((run) => run.length)))
  return fence === "`" ? `\`${file}\`` : `${fence} ${file} ${fence}`
}

/** Markdown without HTML, and with links to the web only: a model repeats what a document tells it to. */
function inert(text: string): string {
  return text.replaceAll("<", "&lt;").replace(/\](?=[(:](?!\s*(?:https?:\/\/|mailto:|#)))/gi, "]\\")
}

/** A summary may itself hold Markdown: as a quotation it cannot break the page. */
function quote(text: string): string {
  return inert(text)
    .split(/\r\n?|[\n\u2028\u2029]/)
    .map((line) => `> ${line}`.trimEnd())
    .join("\n")
}
