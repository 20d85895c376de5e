import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { SluiceEvent } from "sluice/core"
import { createDisplay, quotaReading } from "@sluice/cli"
import { systemClock } from "sluice/scheduler"
import { checkKey } from "./vendor/check-key.ts"
import { connectVendor } from "./vendor/connect-vendor.ts"
import type { Connection } from "./vendor/connect-vendor.ts"
import { digestFlow } from "./digest-flow.ts"
import type { DocumentResult } from "./results/document-result.ts"
import { figuresOf } from "./results/figures.ts"
import type { DemoOptions } from "./options.ts"
import { QuotaUse } from "./results/quota-use.ts"
import { renderReport } from "./results/report.ts"
import { ResultsFile } from "./results/results-file.ts"
import { RunTotals } from "./results/run-totals.ts"

/** What `--limit` is when nobody said: a demo's minute of the simulated vendor, a few cents of a paid one. */
const defaultLimit = { free: 250, paid: 20 }
const notice =
  "No LLM was used: a simulated vendor answered with sentences picked from the texts (extractive summaries)."

/** Summarises `files` and answers the exit code. */
export async function runDemo(options: DemoOptions, files: readonly string[], cwd: string): Promise<number> {
  const interrupt = catchInterrupt()
  const listeners: ((event: SluiceEvent) => void)[] = []
  const onEvent = (event: SluiceEvent): void => listeners.forEach((listen) => listen(event))
  const output = await ResultsFile.create(options.out)
  const connection = await connectVendor(options, process.env, onEvent)
  try {
    if (connection.paid) await checkKey(connection)
    interrupt.mayStop()
    const limit = options.limit ?? (connection.paid ? defaultLimit.paid : defaultLimit.free)
    if (files.length > limit)
      process.stderr.write(`${limit} of ${files.length} documents; --limit ${files.length} takes all\n`)
    const { signal } = interrupt
    return await summarise({
      options,
      files: files.slice(0, limit),
      cwd,
      connection,
      output,
      signal,
      onEvent,
      listeners,
    })
  } finally {
    await connection.fetch.close()
    connection.lab?.close()
    await output.close()
  }
}

interface Run {
  readonly options: DemoOptions
  readonly files: readonly string[]
  readonly cwd: string
  readonly connection: Connection
  readonly output: ResultsFile
  readonly signal: AbortSignal
  readonly onEvent: (event: SluiceEvent) => void
  /** Called for each event, of the run and of the calls. */
  readonly listeners: ((event: SluiceEvent) => void)[]
}

async function summarise({
  options,
  files,
  cwd,
  connection,
  output,
  signal,
  onEvent,
  listeners,
}: Run): Promise<number> {
  const { model, modelName, fetch, lab } = connection
  const totals = new RunTotals()
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

  const results = new Map<string, DocumentResult>()
  const settle = async (result: DocumentResult): Promise<void> => {
    results.set(result.file, result)
    if (options.jsonLines) process.stdout.write(`${JSON.stringify(result)}\n`)
    if (result.status === "skipped" || result.status === "failed") {
      display.print(`${result.file}: ${result.status}, ${result.reason}`)
    }
    await output.append(result)
  }

  const startMs = systemClock.now()
  let failure: Error | undefined
  try {
    await digestFlow({ model, files, cwd, settle }).run(new Map(), { signal, onEvent })
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
  }
  const elapsedMs = systemClock.now() - startMs
  use?.stop()
  display.stop()

  const ended = results.size
  for (const file of files) {
    if (!results.has(file)) await settle({ file, status: "stopped", reason: failure?.message ?? "not reached" })
  }
  const ordered = files.map((file) => results.get(file)!)
  const figures = figuresOf({ results: ordered, totals, elapsedMs, use: use?.toString(), truth: await lab?.truth() })
  const reportPath = join(options.out, "report.md")
  const stopped = failure !== undefined
  const report = { model: modelName, ...(lab ? { notice } : {}), stopped, figures, results: ordered }
  await writeFile(reportPath, renderReport(report))

  const say = options.jsonLines ? process.stderr : process.stdout
  const width = Math.max(...figures.map(([label]) => label.length))
  if (failure) say.write(`${failure.message}: ${ended} of ${files.length} documents had ended\n`)
  for (const [label, value] of figures) say.write(`${label.padEnd(width)}  ${value}\n`)
  if (lab) say.write(`${notice}\n`)
  say.write(`report   ${reportPath}\nresults  ${output.path}\n`)
  if (signal.aborted) return 130
  return stopped || ordered.some(({ status }) => status === "failed") ? 1 : 0
}

/** Ctrl-C ends the process at once while there is nothing to keep, and the second time; in between it stops the run. */
function catchInterrupt(): { readonly signal: AbortSignal; readonly mayStop: () => void } {
  const stop = new AbortController()
  let keeping = false
  const onInterrupt = (): void => {
    if (!keeping || stop.signal.aborted) process.exit(130)
    stop.abort(new Error("stopped by Ctrl-C"))
  }
  process.on("SIGINT", onInterrupt)
  process.on("SIGTERM", onInterrupt)
  return { signal: stop.signal, mayStop: () => (keeping = true) }
}
