import { hash } from "node:crypto"
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { SluiceError } from "@sluice/core"
import { cachedFetch, openJournal, type SqliteJournal, type SqliteRunJournal } from "@sluice/journal"
import { limitedFetch } from "@sluice/providers"
import type { QuotaOptions } from "@sluice/scheduler"
import { bulkRun, type BulkRunResult } from "./bulk-run.ts"
import { loadConfig, type SluiceConfig } from "./config-file.ts"
import { compileQuestion, type Question } from "./compile-question.ts"
import { exitCodes } from "./exit-codes.ts"
import { noteEvent } from "./item-notes.ts"
import { keysIn, parseModelName } from "./model-name.ts"
import { openModel } from "./open-model.ts"
import { checkFields, defaultFields } from "./result-fields.ts"
import { ResultFiles } from "./result-files.ts"
import { expandInputs, readInput } from "./read-input.ts"
import type { RunOptions } from "./run-options.ts"
import { openProgress, type Progress } from "./run-progress.ts"
import { scanInput } from "./scan-input.ts"
import type { Terminal } from "./terminal.ts"
import { usageError } from "./usage-error.ts"

/** `sluice run`: everything is checked before the first call is paid for. */
export async function runCommand(inputs: readonly string[], options: RunOptions, terminal: Terminal): Promise<number> {
  const config = await loadConfig(options.config)
  const given = options.model ?? config.model
  if (given === undefined)
    throw usageError("Give a model: --model openai:gpt-5-mini, or --model lab: to try without a key.")
  const model = config.models?.[given] ?? given
  parseModelName(model)
  const question = compileQuestion(options)
  const files = expandInputs(inputs)
  if (files.filter((name) => name === "-").length > 1) throw usageError("Standard input (-) can be read once.")
  if (options.dryRun) {
    const request = { files, question, model, options, config, limits: limitsOf(options, config) }
    return (await import("./plan-command.ts")).planCommand(request, terminal)
  }

  const fields = options.fields ?? defaultFields
  const out = options.out ?? "-"
  const version = hash("sha256", JSON.stringify([model, question.fingerprint]), "hex").slice(0, 16)
  const temporary = options.journal === false || (options.journal === undefined && out === "-")
  const folder = temporary ? mkdtempSync(join(tmpdir(), "sluice-run-")) : undefined
  const path = folder ? join(folder, "journal") : ((options.journal as string | undefined) ?? `${out}.journal`)
  const journal = openForWriting(path, terminal)
  try {
    const runId = out === "-" ? "stdout" : basename(out)
    const run = await journal.openRun({ runId, flow: "sluice run", takeOver: options.takeOver ?? false })
    checkSame(run, version, out, options.acceptChanges ?? false)
    await run.putNote("version", version)
    const total = await scanInput({
      files,
      format: options.format,
      keyField: options.key,
      run,
      version,
      stdin: terminal.stdin,
      check: ({ record, where }, index) => {
        question.messages(record, where)
        if (index === 0) checkFields(fields, record)
      },
    })
    return await runChecked(
      {
        files,
        out,
        fields,
        model,
        question,
        config,
        options,
        journal,
        run,
        version,
        total,
        path: folder ? undefined : path,
      },
      terminal,
    )
  } finally {
    await journal.close()
    if (folder) rmSync(folder, { recursive: true })
  }
}

interface CheckedRun {
  readonly files: readonly string[]
  readonly out: string
  readonly fields: readonly string[]
  readonly model: string
  readonly question: Question
  readonly config: SluiceConfig
  readonly options: RunOptions
  readonly journal: SqliteJournal
  readonly run: SqliteRunJournal
  readonly version: string
  readonly total: number | undefined
  /** The journal that stays. */
  readonly path: string | undefined
}

async function runChecked(checked: CheckedRun, terminal: Terminal): Promise<number> {
  const { files, out, fields, model, question, options, journal, run, version, total } = checked
  const { clock, stdout, stdin, env } = terminal
  const drain = new AbortController()
  const abort = new AbortController()
  let progress: Progress | undefined
  const fetch = limitedFetch({
    ...limitsOf(options, checked.config),
    ...(checked.config.prices && { prices: checked.config.prices }),
    ...(options.timeoutS !== undefined && { timeoutMs: options.timeoutS * 1_000 }),
    clock,
    onEvent: (event) => {
      noteEvent(event)
      progress?.observe(event)
    },
  })
  const opened = await openModel(model, {
    env,
    fetch: options.cache ? cachedFetch(journal.responses, fetch) : fetch,
    baseUrl: options.baseUrl,
    question,
  })
  progress = openProgress({ terminal, options, title: `${basename(out)} with ${model}`, total, fetch })
  const stopListening = terminal.onInterrupt(() => {
    if (drain.signal.aborted) abort.abort(new Error("interrupted"))
    else {
      drain.abort()
      progress.print("Finishing what is in flight. Ctrl-C again stops now.")
    }
  })
  const results = new ResultFiles({
    out,
    failed: out === "-" ? failedName(checked.path) : `${out}.failed.jsonl`,
    fields,
    order: options.asCompleted ? "completion" : "input",
    stdout,
    run,
    clock,
    onFailure: (error) => abort.abort(error),
  })
  let result: BulkRunResult | undefined
  try {
    result = await bulkRun({
      inputs: readInput(files, options.format, stdin),
      ask: opened.ask,
      run,
      files: results,
      version,
      keyField: options.key,
      retryFailed: options.retryFailed ?? false,
      // Given as a number it bounds what is not settled, not only what is being called: so much is repeated after a kill.
      concurrency: options.concurrency ?? (model.startsWith("noop:") ? noopConcurrency : "auto"),
      maxAttempts: options.attempts,
      drain: drain.signal,
      abort,
      clock,
      onEvent: progress.observe,
    })
  } catch (error) {
    if (!abort.signal.aborted || !drain.signal.aborted) throw error
  } finally {
    stopListening()
    progress.stop()
    await results.close()
    await fetch.close()
    await opened.close()
  }
  const interrupted = drain.signal.aborted
  await run.end(interrupted ? "cancelled" : result && !result.stopped && result.failed === 0 ? "ok" : "failed")
  progress.summary(result, { out, journal: checked.path, interrupted })
  if (interrupted) return exitCodes.interrupted
  if (result?.stopped) return exitCodes.stopped
  return result?.failed ? exitCodes.someFailed : exitCodes.done
}

/** A place that cannot be written is found before the run: somebody chose it. */
function openForWriting(path: string, { env, clock }: Terminal): SqliteJournal {
  try {
    return openJournal({ path, secrets: keysIn(env), clock })
  } catch (error) {
    throw SluiceError.isInstance(error) && error.code === "journal-write" ? usageError(error.message) : error
  }
}

/** `noop:` holds no permit, so nothing else bounds it; so many share a commit well. */
const noopConcurrency = 256

function failedName(journalPath: string | undefined): string {
  return journalPath === undefined ? "sluice.failed.jsonl" : `${journalPath}.failed.jsonl`
}

/** Guards what was paid for, and files that are not ours. */
function checkSame(run: SqliteRunJournal, version: string, out: string, acceptChanges: boolean): void {
  const before = run.note("version")
  if (before === undefined && out !== "-" && existsSync(out) && statSync(out).size > 0) {
    throw usageError(
      `${out} exists and is not the result of a run recorded in its journal. Move it away, or choose another --out.`,
    )
  }
  if (before === undefined || before === version || acceptChanges) return
  throw usageError(
    `${out} holds answers to another question: the prompt, model or schema changed. Choose another --out, or give --accept-changes to ask everything again.`,
  )
}

/** Limits from options go before those of the configuration. */
export function limitsOf(
  options: RunOptions,
  config: SluiceConfig,
): QuotaOptions & { limits?: Readonly<Record<string, QuotaOptions>> } {
  const named = {
    requestsPerMinute: options.rpm,
    tokensPerMinute: options.tpm,
    inputTokensPerMinute: options.itpm,
    outputTokensPerMinute: options.otpm,
    requestsPerDay: options.rpd,
    concurrency: options.concurrency,
    budgetUsd: options.budgetUsd,
  }
  const limits = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined))
  return Object.keys(limits).length > 0 || !config.limits ? limits : { limits: config.limits }
}
