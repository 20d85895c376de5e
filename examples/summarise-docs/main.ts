import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { systemClock } from "sluice/scheduler"
import { createDisplay, formatCount, formatDuration, quotaReading } from "sluice/display"
import type { SluiceEvent } from "sluice/core"
import { checkKey } from "./check-key.ts"
import { connectVendor } from "./connect-vendor.ts"
import { digestFlow } from "./digest-flow.ts"
import type { DocumentResult } from "./document-result.ts"
import { findDocuments, readmesOfDependencies } from "./find-documents.ts"
import { parseOptions } from "./options.ts"
import { QuotaUse } from "./quota-use.ts"
import { renderReport } from "./report.ts"
import type { Figures } from "./report.ts"
import { ResultsFile } from "./results-file.ts"
import { RunTotals } from "./run-totals.ts"
import { UsageError } from "./usage-error.ts"

const workspace = fileURLToPath(new URL("../../", import.meta.url))
/** What `--limit` is when every call costs money and nobody said otherwise. */
const paidLimit = 20

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args)
  if (options === undefined) return 0
  const byDefault = options.inputs.length === 0
  const cwd = byDefault ? workspace : process.cwd()
  const found = await findDocuments(byDefault ? [readmesOfDependencies] : options.inputs, cwd)

  const stop = new AbortController()
  const onInterrupt = (): void => {
    if (stop.signal.aborted) process.exit(130)
    stop.abort(new Error("stopped by Ctrl-C"))
  }
  process.on("SIGINT", onInterrupt)
  process.on("SIGTERM", onInterrupt)

  const listeners: ((event: SluiceEvent) => void)[] = []
  const onEvent = (event: SluiceEvent): void => listeners.forEach((listen) => listen(event))
  const connection = await connectVendor(options, process.env, onEvent)
  const { fetch, lab, modelName } = connection
  try {
    if (connection.paid) await checkKey(connection, stop.signal)
    const files = found.slice(0, options.limit ?? (connection.paid ? paidLimit : Infinity))
    const output = await ResultsFile.create(options.out)

    const totals = new RunTotals()
    const results = new Map<string, DocumentResult>()
    const settle = async (result: DocumentResult): Promise<void> => {
      results.set(result.file, result)
      await output.append(result)
      if (options.jsonLines) process.stdout.write(`${JSON.stringify(result)}\n`)
      if (result.status !== "ok") display.print(`${result.file}: ${result.status}, ${result.reason}`)
    }
    const display = createDisplay({
      stream: process.stderr,
      clock: systemClock,
      title: `${files.length} documents, ${modelName}`,
      unit: "document",
      node: "documents",
      total: () => files.length,
      quotas: () => fetch.snapshot().map(quotaReading),
    })
    listeners.push(display.observe, (event) => totals.observe(event))
    const use = lab && new QuotaUse(lab.truth, () => fetch.snapshot().reduce((sum, { waiting }) => sum + waiting, 0))

    const startMs = systemClock.now()
    let failure: unknown
    try {
      await digestFlow({ model: connection.model, files, cwd, settle }).run(new Map(), { signal: stop.signal, onEvent })
    } catch (error) {
      failure = error
    }
    const elapsedMs = systemClock.now() - startMs
    use?.stop()
    display.stop()

    const reason = failure instanceof Error ? failure.message : String(failure)
    for (const file of files) {
      if (!results.has(file)) await settle({ file, status: "stopped", reason })
    }
    await output.close()
    const truth = await lab?.truth()
    const ordered = files.map((file) => results.get(file)!)
    const count = (status: DocumentResult["status"]): number =>
      ordered.filter((result) => result.status === status).length
    const usedShare = use?.toString()
    const figures: Figures = [
      [
        "documents",
        `${count("ok")} summarised, ${count("skipped")} skipped, ${count("failed")} failed, ${count("stopped")} not reached`,
      ],
      ["calls", `${totals.calls}, in ${totals.attempts} attempts`],
      [
        "refused (429, 529)",
        truth ? `${truth.refused} by the vendor's own count of ${truth.arrived} calls` : `${totals.refused}`,
      ],
      ["tokens", `${formatCount(totals.inputTokens)} in, ${formatCount(totals.outputTokens)} out`],
      ["time", formatDuration(elapsedMs)],
      ...(usedShare === undefined ? [] : [["quota used while calls waited", usedShare] as const]),
      ["peak memory", `${Math.round(process.resourceUsage().maxRSS / 1024)} MB`],
    ]
    const notice =
      lab && "No LLM was used: a simulated vendor answered with sentences picked from the texts (extractive summaries)."
    const reportPath = join(options.out, "report.md")
    await writeFile(
      reportPath,
      renderReport({
        model: modelName,
        ...(notice === undefined ? {} : { notice }),
        stopped: failure !== undefined,
        figures,
        results: ordered,
      }),
    )
    const say = options.jsonLines ? process.stderr : process.stdout
    const width = Math.max(...figures.map(([label]) => label.length))
    say.write(
      [
        ...(failure === undefined
          ? []
          : [`${reason}: ${results.size - count("stopped")} of ${files.length} documents had ended`]),
        ...figures.map(([label, value]) => `${label.padEnd(width)}  ${value}`),
        ...(notice === undefined ? [] : [notice]),
        `report   ${reportPath}`,
        `results  ${output.path}`,
        "",
      ].join("\n"),
    )
    if (stop.signal.aborted) return 130
    return failure !== undefined || count("failed") > 0 ? 1 : 0
  } finally {
    fetch.close()
    lab?.close()
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const usage = error instanceof UsageError
  process.stderr.write(`error: ${usage ? error.message : error instanceof Error ? error.stack : String(error)}\n`)
  process.exitCode = usage ? 2 : 1
}
