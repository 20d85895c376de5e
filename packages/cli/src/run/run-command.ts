import { hash } from "node:crypto"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { type Clock, type EventSink, type Lane, LaneScope, SluiceError, type SluiceEvent } from "@sluice/core"
import { cachedFetch, openJournal, type SqliteJournal, type SqliteRunJournal } from "@sluice/journal"
import { type LimitedFetch, limitedFetch } from "@sluice/providers"
import { BatchTally } from "../display/batch-tally.ts"
import { formatDuration } from "../display/quantities.ts"
import { bulkRun, type BulkRunResult } from "./bulk-run.ts"
import { checkEarlier } from "./check-earlier.ts"
import { loadConfig, type SluiceConfig } from "../commands/config-file.ts"
import { compileQuestion, type Question } from "../input/compile-question.ts"
import { exitCodes } from "../exit-codes.ts"
import { noteEvent, notingFetch } from "./item-notes.ts"
import type { Asker } from "../asking/create-asker.ts"
import { Interruption } from "./interruption.ts"
import { laneOf } from "./lane-option.ts"
import { checkBudget } from "../model/model-money.ts"
import { journalWarning } from "./journal-privacy.ts"
import { keysIn, parseModelName, weakKeyWarning } from "../model/model-name.ts"
import { openModel } from "../model/open-model.ts"
import { checkFields, defaultFields } from "../results/result-fields.ts"
import { ResultFiles, type ResultFilesOptions } from "../results/result-files.ts"
import { checkLink, checkPlaces, type ResultPlaces } from "../results/result-places.ts"
import type { Input } from "../input/input.ts"
import { expandInputs, type InputOptions, readInput } from "../input/read-input.ts"
import { limitsOf, type RunLimits } from "./run-limits.ts"
import { forgetDeadline, leftOf } from "./run-deadline.ts"
import type { RunOptions } from "./run-options.ts"
import { openProgress, type Progress } from "./run-progress.ts"
import { scanInput } from "../input/scan-input.ts"
import type { Terminal } from "../display/terminal.ts"
import { usageError } from "../usage-error.ts"

/** `sluice run`: everything is checked before the first call is paid for. */
export async function runCommand(inputs: readonly string[], options: RunOptions, terminal: Terminal): Promise<number> {
  const config = await loadConfig(options.config)
  const given = options.model ?? config.model
  if (given === undefined)
    throw usageError("Give a model: --model openai:gpt-5-mini, or --model lab: to try without a key.")
  const model = new Map(Object.entries(config.models ?? {})).get(given) ?? given
  parseModelName(model)
  const question = await compileQuestion(options)
  const files = expandInputs(inputs, options.followLinks ?? false)
  if (files.filter((name) => name === "-").length > 1) throw usageError("Standard input (-) can be read once.")
  const limits = limitsOf(options, config)
  const lane = laneOf({ lane: options.lane, deadlineMs: options.deadline, configured: config.lane, model })
  checkBudget(model, limits, config)
  if (options.dryRun) {
    const request = { files, question, model, options, config, limits }
    return (await import("../plan/plan-command.ts")).planCommand(request, terminal)
  }

  const fields = options.fields ?? (options.acceptTruncated ? [...defaultFields, "finishReason"] : defaultFields)
  const out = options.out ?? "-"
  const version = hash("sha256", JSON.stringify([model, question.fingerprint]), "hex").slice(0, 16)
  const temporary = options.journal === false || (options.journal === undefined && out === "-")
  const path = temporary ? undefined : (options.journal ?? `${out}.journal`)
  // Nobody has named it: what lies there is not followed.
  if (options.journal === undefined && path !== undefined) checkLink(path)
  const isNew = path !== undefined && !existsSync(path)
  const journal = path === undefined ? openTemporary(terminal) : openForWriting(path, terminal)
  try {
    const runId = out === "-" ? "stdout" : basename(out)
    const run = await journal.openRun({ runId, flow: "sluice run", takeOver: options.takeOver ?? false })
    const check = async (): Promise<number | undefined> => {
      checkPlaces(placesOf(out, path), run)
      checkEarlier({
        run,
        version,
        out,
        lane,
        acceptChanges: options.acceptChanges ?? false,
        parts: partsOf(model, question),
        hasAnswers: () => answersIn(journal, runId) > 0,
      })
      return scanInput({
        files,
        input: inputOptions(options),
        keyField: options.key,
        run,
        version,
        stdin: terminal.stdin,
        check: fitting(question, fields),
      })
    }
    const total = await check().catch(leaving(run))
    return await runChecked(
      {
        files,
        out,
        fields,
        model,
        question,
        config,
        limits,
        lane,
        options,
        journal,
        run,
        version,
        total,
        path,
      },
      terminal,
    )
  } finally {
    // Of a command that was refused nothing stays.
    const isEmpty = isNew && journal.runs().length === 0
    await journal.close()
    if (isEmpty) for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true })
  }
}

interface CheckedRun {
  readonly files: readonly string[]
  readonly out: string
  readonly fields: readonly string[]
  readonly model: string
  readonly question: Question
  readonly config: SluiceConfig
  readonly limits: RunLimits
  readonly lane: Lane
  readonly options: RunOptions
  readonly journal: SqliteJournal
  readonly run: SqliteRunJournal
  readonly version: string
  readonly total: number | undefined
  /** The journal that stays. */
  readonly path: string | undefined
}

async function runChecked(checked: CheckedRun, terminal: Terminal): Promise<number> {
  const { model, question, options, journal, run } = checked
  const listeners: EventSink[] = [noteEvent]
  const fetch = limitedFetch({
    ...checked.limits,
    ...(checked.config.prices && { prices: checked.config.prices }),
    ...(options.timeoutS !== undefined && { timeoutMs: options.timeoutS * 1_000 }),
    clock: terminal.clock,
    fetch: notingFetch,
    onEvent: (event) => {
      for (const listener of listeners) listener(event)
    },
  })
  try {
    const opened = await openModel(model, {
      env: terminal.env,
      fetch: options.cache ? cachedFetch(journal.responses, fetch) : fetch,
      baseUrl: options.baseUrl,
      question,
      acceptTruncated: options.acceptTruncated ?? false,
      warn: (code, message) => {
        const event: SluiceEvent = { type: "warning", atMs: terminal.clock.now(), code, message }
        for (const listener of listeners) listener(event)
      },
    }).catch(leaving(run))
    try {
      return await runOpened(checked, terminal, { ask: opened.ask, fetch, listeners })
    } finally {
      await opened.close()
    }
  } finally {
    await fetch.close()
  }
}

interface Calls {
  readonly ask: Asker
  readonly fetch: LimitedFetch
  /** Who hears what the calls do. */
  readonly listeners: EventSink[]
}

async function runOpened(checked: CheckedRun, terminal: Terminal, { ask, fetch, listeners }: Calls): Promise<number> {
  const { out, model, question, options, run, version, total } = checked
  const { clock } = terminal
  const interruption = new Interruption()
  let isUnread = false
  const listening = {
    onFailure: (error: unknown) => interruption.fail(error),
    onUnread: () => {
      isUnread = true
      // What is in flight is paid for: where it is kept, it is waited for.
      if (checked.path === undefined) interruption.leave()
      else interruption.finish()
    },
  }
  const files = await openFiles(checked, terminal, listening).catch(leaving(run))
  const hasAnswers = answersIn(checked.journal, run.runId) > 0
  let result: BulkRunResult | undefined
  let progress: Progress | undefined
  let lane: Lane
  try {
    await run.putNote("version", version)
    await run.putNote("question", partsOf(model, question))
    lane = await leftOf(checked.lane, run, clock)
    if (lane !== "online") await run.putNote("lane", "batch")
    progress = openProgress({ terminal, options, title: `${basename(out)} with ${model}`, total, fetch })
    const batches = new BatchTally()
    listeners.push(progress.observe, (event) => {
      if (event.type !== "vendor-batch") return
      batches.observe(event)
      leaveBatches()
    })
    // What lies in a batch is not waited for, as hours may pass: the same command collects it.
    const leaveBatches = (): void => {
      if (interruption.drain.aborted && batches.open > 0) interruption.leave()
    }
    const stopListening = terminal.onInterrupt(() => {
      if (interruption.drain.aborted) return interruption.leave()
      interruption.finish()
      progress?.print(batches.open > 0 ? leavingBatches : finishing)
      leaveBatches()
    })
    for (const [code, message] of warningsOf(checked, terminal)) {
      progress.observe({ type: "warning", atMs: clock.now(), code, message })
    }
    try {
      if (lane !== checked.lane && typeof lane === "object") tellLeft(lane.deadlineMs, progress, clock)
      result = await bulkRun({
        inputs: readInput(checked.files, inputOptions(options), terminal.stdin),
        ask,
        run,
        files,
        version,
        keyField: options.key,
        retryFailed: options.retryFailed ?? false,
        keepGoing: options.keepGoing ?? false,
        acceptChanges: options.acceptChanges ?? false,
        hasAnswers,
        check: total === undefined ? fitting(question, checked.fields) : undefined,
        concurrency: concurrencyOf(checked),
        lane: laneScope(lane, checked),
        maxAttempts: options.attempts,
        interruption,
        clock,
        onEvent: progress.observe,
      })
    } finally {
      stopListening()
    }
  } finally {
    progress?.stop()
    await files.close({ whole: result?.isWhole ?? false })
  }
  const interrupted = interruption.drain.aborted
  if (lane !== "online" && result.isWhole) {
    await run.putNote("lane", "online")
    await forgetDeadline(run)
  }
  await run.end(interrupted ? "cancelled" : !result.stopped && result.failed === 0 ? "ok" : "failed")
  // Nobody reads what is not kept: `| head` has seen enough.
  if (!isUnread || checked.path !== undefined) progress.summary(result, { out, journal: checked.path, interrupted })
  if (interrupted) return isUnread ? exitCodes.done : exitCodes.interrupted
  if (result.stopped) return exitCodes.stopped
  return result.failed > 0 ? exitCodes.someFailed : exitCodes.done
}

function warningsOf({ model, path }: CheckedRun, { env }: Terminal): [code: string, message: string][] {
  const weakKey = weakKeyWarning(parseModelName(model).vendor, env)
  const openJournal = path === undefined ? undefined : journalWarning(path)
  return [
    ...(weakKey === undefined ? [] : [["weak-key", weakKey] as [string, string]]),
    ...(openJournal === undefined ? [] : [["journal-readable", openJournal] as [string, string]]),
  ]
}

const finishing = "Finishing what is in flight. Ctrl-C again stops now."
const leavingBatches = "Leaving. The batches go on at the vendor; the same command collects their answers."

async function openFiles(
  { out, fields, path, run, options }: CheckedRun,
  { stdout, clock }: Terminal,
  listeners: Pick<ResultFilesOptions, "onFailure" | "onUnread">,
): Promise<ResultFiles> {
  const order = options.asCompleted ? "completion" : "input"
  return new ResultFiles({ ...placesOf(out, path), fields, order, stdout, run, clock, ...listeners })
}

/** What is checked of each input before it is asked about. */
function fitting(question: Question, fields: readonly string[]): (input: Input, index: number) => void {
  return ({ record, where }, index) => {
    question.messages(record, where)
    if (index === 0) checkFields(fields, record)
  }
}

function inputOptions(options: RunOptions): InputOptions {
  const { format, encoding, delimiter, where, skip, sample, seed, limit } = options
  return { format, encoding, delimiter, where, skip, sample, seed, limit }
}

/** The parts of a question by their names, so that a change can be told; their texts are nobody's business here. */
function partsOf(model: string, { fingerprint }: Question): Record<string, string> {
  const parts = Object.entries(fingerprint).filter(([, part]) => part !== undefined)
  const hashed = parts.map(([name, part]) => [name, hash("sha256", JSON.stringify(part), "hex").slice(0, 16)] as const)
  return { model, ...Object.fromEntries(hashed) }
}

function answersIn(journal: SqliteJournal, runId: string): number {
  return journal.runs().find((run) => run.runId === runId)?.ok ?? 0
}

/** A place that cannot be written is found before the run: somebody chose it. */
function openForWriting(path: string, { env, clock }: Terminal): SqliteJournal {
  try {
    return openJournal({ path, secrets: keysIn(env), clock })
  } catch (error) {
    throw SluiceError.isInstance(error) && error.code === "journal-write" ? usageError(error.message) : error
  }
}

/**
 * A journal for this process alone. Its file has no name from the start: whatever ends the process, no answer is left behind.
 */
function openTemporary(terminal: Terminal): SqliteJournal {
  const folder = mkdtempSync(join(tmpdir(), "sluice-run-"))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    const journal = openForWriting(join(folder, "journal"), terminal)
    // Windows removes no file that is open.
    if (process.platform === "win32") process.once("exit", remove)
    return journal
  } finally {
    if (process.platform !== "win32") remove()
  }
}

/** Nothing was begun: the run stays as it was. */
function leaving(run: SqliteRunJournal): (error: unknown) => Promise<never> {
  return async (error) => {
    await run.leave()
    throw error
  }
}

/** `noop:` holds no permit, so nothing else bounds it; so many share a commit well. */
const noopConcurrency = 256

/** The batches of a run are found again by its question; without a journal that stays, one that is left is cancelled. */
function laneScope(lane: Lane, { run, version, path }: CheckedRun): LaneScope | undefined {
  if (lane === "online") return undefined
  const notes = {
    note: (name: string) => run.note(name),
    putNote: (name: string, value: unknown) => run.putNote(name, value),
  }
  return new LaneScope(lane, version, path === undefined ? undefined : notes)
}

function tellLeft(leftMs: number, progress: Progress, clock: Clock): void {
  if (leftMs > 0) {
    return progress.print(
      `${formatDuration(leftMs)} left until the deadline, counted from the first command of this run.`,
    )
  }
  const message =
    "The deadline of this run has passed: what is missing goes online. Another --deadline counts from now."
  progress.observe({ type: "warning", atMs: clock.now(), code: "deadline-passed", message })
}

/** Given as a number it bounds what is not settled, not only what is being called: so much is repeated after a kill. */
function concurrencyOf({ lane, model, options }: CheckedRun): number | "auto" {
  // A batch is as large as the vendor takes it.
  if (lane !== "online") return "auto"
  return options.concurrency ?? (model.startsWith("noop:") ? noopConcurrency : "auto")
}

function placesOf(out: string, journalPath: string | undefined): ResultPlaces {
  const beside = out === "-" ? (journalPath ?? "sluice") : out
  return { out, failed: `${beside}.failed.jsonl` }
}
