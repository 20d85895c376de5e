import { existsSync, readdirSync, statSync } from "node:fs"
import { resolve } from "node:path"
import { openJournal, type JournalItem, type RunSummary, type SqliteJournal } from "@sluice/journal"
import { once } from "node:events"
import { itemColumns, itemRows } from "./item-rows.ts"
import { SluiceError } from "@sluice/core"
import { cellOf, plainTable } from "../display/plain-table.ts"
import { formatUsd } from "../display/quantities.ts"
import { printable, printableJson, printableText } from "../display/printable.ts"
import { exitCodes } from "../exit-codes.ts"
import { beginOf, fileKindOf } from "../files/file-kind.ts"
import type { Terminal } from "../display/terminal.ts"
import { textOf } from "../question/prompt-template.ts"
import type { Table } from "../results/table/table.ts"
import { statusInWords, stoppedBy } from "../run/stopped-in-words.ts"
import { usageError } from "../usage-error.ts"
import { keptFrame } from "../watch/kept-frame.ts"

export interface JournalCommandOptions {
  readonly journal?: string
  readonly json?: boolean
}

/** `sluice runs [JOURNAL…]`: the runs of these journals, or of those in this folder. */
export async function runsCommand(
  paths: readonly string[],
  { json }: JournalCommandOptions,
  { stdout, stderr }: Terminal,
): Promise<number> {
  const found =
    paths.length > 0
      ? paths.map((path) => journalBeside(path) ?? path)
      : readdirSync(".")
          .filter((name) => name.endsWith(".journal"))
          .toSorted()
  if (found.length === 0) throw usageError("No *.journal file here. Name one: sluice runs results.jsonl.journal")
  const rows: (RunSummary & {
    readonly journal: string
    readonly stand: string
    readonly stopped: string | undefined
  })[] = []
  let code: number = exitCodes.done
  for (const path of found) {
    try {
      await reading(path, (journal) => {
        for (const run of journal.runs())
          rows.push({
            journal: path,
            ...run,
            stand: statusInWords(run.status, journal, run.runId),
            stopped: stoppedBy(run.status, journal, run.runId),
          })
      })
    } catch (error) {
      // One file that cannot be read hides no other.
      if (!SluiceError.isInstance(error)) throw error
      stderr.write(`sluice: ${printableText(error.message)}\n`)
      code = exitCodes.usage
    }
  }
  if (json) {
    for (const { stand: _stand, ...row } of rows) stdout.write(`${printableJson(row)}\n`)
    return code
  }
  const table = plainTable(["run", "flow", "status", "ok", "failed", "started", "ended", "journal"])
  for (const { runId, flow, stand, ok, failed, startedAtMs, endedAtMs, journal } of rows) {
    table.push([
      printable(runId),
      printable(flow),
      stand,
      ok ?? "?",
      failed ?? "?",
      dateOf(startedAtMs),
      endedAtMs === undefined ? "" : dateOf(endedAtMs),
      printable(journal),
    ])
  }
  if (rows.length > 0) stdout.write(`${table.toString()}\n`)
  return code
}

export interface InspectOptions extends JournalCommandOptions {
  readonly failed?: boolean
  readonly key?: string
  readonly limit: number
  readonly ui?: true | number
}

/** `sluice inspect RUN`: its items, attempts, errors and cost. */
export async function inspectCommand(
  run: string | undefined,
  options: InspectOptions,
  terminal: Terminal,
): Promise<number> {
  const { stdout } = terminal
  await reading(journalOf(run, options.journal), async (journal) => {
    if (options.ui !== undefined) {
      const { inspectPage } = await import("../ui/inspect-page.ts")
      return inspectPage({ journal, runId: runNamed(journal, run).runId, ui: options.ui }, terminal)
    }
    if (options.key !== undefined) {
      const { runId } = runNamed(journal, run)
      const { inspectItem } = await import("./inspect-item.ts")
      stdout.write(await inspectItem(journal, runId, { key: options.key, json: options.json ?? false }))
      return
    }
    const { runId, status, ok, failed, flow } = runNamed(journal, run)
    const total = { attempts: 0, inputTokens: 0, outputTokens: 0 }
    let spent: number | undefined
    const table = plainTable(["node", "item", "status", "attempts", "tokens in/out", "usd", "result"])
    let shown = 0
    for (const item of journal.items(runId, { order: "input" })) {
      const { inputTokens = 0, outputTokens = 0, usd } = item.cost ?? {}
      total.attempts += item.attempts
      total.inputTokens += inputTokens
      total.outputTokens += outputTokens
      if (usd !== undefined) spent = (spent ?? 0) + usd
      if (shown >= options.limit || (options.failed && item.status === "ok")) continue
      shown++
      if (options.json) stdout.write(`${printableJson(item)}\n`)
      else
        table.push([
          printable(item.node),
          printable([item.key ?? item.index ?? "", ...columnOf(item)].join(" ")),
          item.status,
          item.attempts,
          `${inputTokens}/${outputTokens}`,
          usd ? formatUsd(usd).slice(1) : "",
          shortly(item),
        ])
    }
    if (options.json) return
    const pausedBy = status === "running" ? keptFrame(journal, runId)?.state.pausedBy : undefined
    const paused = pausedBy === undefined ? "" : `, paused by ${printable(pausedBy)}`
    stdout.write(
      `${printable(runId)} (${printable(flow)}): ${statusInWords(status, journal, runId)}${paused}, ${ok ?? "?"} ok, ${failed ?? "?"} failed\n`,
    )
    stdout.write(
      `${total.attempts} attempts, ${total.inputTokens} input and ${total.outputTokens} output tokens, ${spent === undefined ? "cost not known" : formatUsd(spent)}\n`,
    )
    if (shown > 0) stdout.write(`${table.toString()}\n`)
    const left = (failed ?? 0) + (options.failed ? 0 : (ok ?? 0)) - shown
    if (left > 0) stdout.write(`… and ${left} more (--limit, or \`sluice export\`)\n`)
  })
  return exitCodes.done
}

export interface ExportOptions extends JournalCommandOptions {
  readonly format: "jsonl" | "csv" | "parquet"
  readonly status?: "ok" | "failed"
}

/** `sluice export RUN`: every item on standard output. Of a damaged journal, all that can be read; then the error. */
export async function exportCommand(
  run: string | undefined,
  options: ExportOptions,
  { stdout }: Terminal,
): Promise<number> {
  await reading(journalOf(run, options.journal), async (journal) => {
    const { runId } = runNamed(journal, run)
    const items = (): Iterable<JournalItem> => journal.items(runId, options.status ? { status: options.status } : {})
    if (options.format === "jsonl") {
      for (const item of items()) if (!stdout.write(`${printableJson(item)}\n`)) await once(stdout, "drain")
      return
    }
    const table: Table = { columns: itemColumns(items()), rows: () => itemRows(items()) }
    if (options.format === "parquet") {
      if (stdout.isTTY) throw usageError("Parquet is no text: sluice export RUN --format parquet > results.parquet")
      const { writeParquet } = await import("../results/table/write-parquet.ts")
      const write = async (bytes: Uint8Array): Promise<void> => {
        if (!stdout.write(bytes)) await once(stdout, "drain")
      }
      return writeParquet(table, write, "--format parquet")
    }
    const { writeCsv } = await import("../results/table/write-csv.ts")
    return writeCsv(table, async (chunk) => {
      if (!stdout.write(stdout.isTTY ? printableText(chunk.toString()) : chunk)) await once(stdout, "drain")
    })
  })
  return exitCodes.done
}

export async function reading(path: string, fn: (journal: SqliteJournal) => unknown): Promise<void> {
  const journal = openJournal({ path, readOnly: true })
  try {
    await fn(journal)
  } finally {
    await journal.close()
  }
}

/** The journal that was named, or the one beside the results that were. */
export function journalOf(run: string | undefined, named: string | undefined): string {
  if (named !== undefined) return named
  if (run === undefined) throw usageError("Name a run: its result file, or --journal FILE.")
  const beside = journalBeside(run)
  if (beside !== undefined) return beside
  if (isDatabase(run)) return run
  throw usageError(`There is no journal ${run}.journal. Name it: --journal FILE`)
}

/** The journal beside these results, if there is one. */
function journalBeside(results: string): string | undefined {
  return existsSync(`${results}.journal`) ? `${results}.journal` : undefined
}

function isDatabase(path: string): boolean {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return false
  return fileKindOf(beginOf(path))?.kind === "an SQLite database"
}

/** The run of that name or result file. In a journal that was named for it, or where nothing else was, the only one. */
export function runNamed(journal: SqliteJournal, run: string | undefined): RunSummary {
  const runs = journal.runs()
  const here = resolve(journal.path)
  const isOnly = run === undefined || [run, `${run}.journal`].some((path) => resolve(path) === here)
  const found =
    runs.find(({ runId }) => run === runId || run?.endsWith(`/${runId}`)) ??
    (isOnly && runs.length === 1 ? runs[0] : undefined)
  if (found) return found
  const names = runs.map(({ runId }) => runId).join(", ") || "none"
  throw usageError(
    run === undefined
      ? `${journal.path} has ${runs.length === 0 ? "no run" : `several runs: ${names}. Name one`}.`
      : `${journal.path} has no run "${run}". It has: ${names}.`,
  )
}

/** Which of the compared columns it is in. */
function columnOf({ params: { variant } }: JournalItem): string[] {
  return typeof variant === "string" ? [variant] : []
}

function shortly(item: JournalItem): string {
  const text =
    item.status === "ok"
      ? textOf((item.value as { output?: unknown } | null)?.output ?? item.value)
      : item.error.message
  return cellOf(text)
}

function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ")
}
