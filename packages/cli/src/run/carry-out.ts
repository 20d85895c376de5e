import { compileChecks } from "../checks/compile-checks.ts"
import { Marks } from "../checks/marks.ts"
import type { Clock, EventSink, Lane, QuotaState, SluiceEvent } from "@sluice/core"
import { cachedFetch } from "@sluice/journal"
import { type LimitedFetch, limitedFetch } from "@sluice/providers"
import type { SharedQuotas } from "@sluice/redis"
import { FirstAnswer } from "../asking/first-answer.ts"
import { keepKey } from "./check-earlier.ts"
import { BatchTally } from "../display/batch-tally.ts"
import { formatDuration } from "../display/quantities.ts"
import type { Terminal } from "../display/terminal.ts"
import { exitCodes } from "../exit-codes.ts"
import type { Input } from "../input/input.ts"
import { readInput } from "../input/read-input.ts"
import { openModel, type OpenedModel } from "../model/open-model.ts"
import { ResultFiles, type ResultFilesOptions } from "../results/result-files.ts"
import { linesFor } from "../results/result-line.ts"
import { editedSince, positionOf } from "../results/result-places.ts"
import { bulkRun, type BulkRunResult } from "./items/bulk-run.ts"
import { type CheckedRun, fitting, inputOptions } from "./checked-run.ts"
import { noteEvent, notingFetch } from "./items/item-notes.ts"
import { isNothingDone } from "./nothing-done.ts"
import { keepStopped } from "./stopped-in-words.ts"
import { runWarnings } from "./run-warnings.ts"
import { answersIn, leaving } from "./open-run-journal.ts"
import { SharedBudget } from "../variants/shared-budget.ts"
import { type AskedVariant, keepVariants, type PlacedVariant } from "../variants/variant.ts"
import { forgetDeadline, leftOf, onlineDeadline, type OnlineDeadline } from "../lane/deadline.ts"
import { concurrencyOf, laneScope } from "../lane/run-lane.ts"
import { HandsOn } from "../ui/hands-on.ts"
import { RunKeys } from "../ui/run-keys.ts"
import { openShared } from "../commands/open-shared.ts"
import type { OpenedWorkers } from "../workers/open-workers.ts"
import { showPage, titleOf } from "./show-page.ts"
import { openProgress, type Progress } from "./run-progress.ts"
import { watchable } from "../watch/watchable.ts"

/** Opens model, files and display, asks about every input that is open, and closes them; returns the exit code. */
export async function carryOut(checked: CheckedRun, terminal: Terminal): Promise<number> {
  const { options, journal, run } = checked
  const listeners: EventSink[] = [noteEvent]
  const tell: EventSink = Object.assign((event: SluiceEvent) => listeners.forEach((listener) => listener(event)), {
    watch: (state: () => QuotaState) => listeners.forEach((listener) => listener.watch?.(state)),
  })
  const isRemote = options.workers ?? false
  const shared =
    options.redis === undefined || isRemote ? undefined : await openShared(options.redis).catch(leaving(run))
  const firstAnswer = new FirstAnswer({
    clock: terminal.clock,
    mayEnd: !options.keepGoing,
    warn: (message) => tell({ type: "warning", atMs: terminal.clock.now(), code: "unreachable", message }),
  })
  const fetch = limitedFetch({
    ...checked.limits,
    ...(checked.config.prices && { prices: checked.config.prices }),
    ...(options.timeoutS !== undefined && { timeoutMs: options.timeoutS * 1_000 }),
    ...(shared && { quota: shared.quotas }),
    clock: terminal.clock,
    fetch: firstAnswer.through(notingFetch),
    onEvent: Object.assign((event: SluiceEvent) => {
      // Told before the run begins, in the words of the command.
      if (event.type !== "warning" || event.code !== "no-price" || options.format === "openai-batch") tell(event)
    }, tell),
  })
  const { interruption } = checked
  const workers = isRemote && (await import("../workers/open-workers.ts")).openWorkers(checked, { interruption, tell })
  const open = async (variant: PlacedVariant): Promise<OpenedModel | OpenedWorkers> => {
    const { model, question } = variant
    if (workers) return (await workers)(variant)
    return openModel(model, {
      env: terminal.env,
      fetch: options.cache ? cachedFetch(journal.responses, fetch) : fetch,
      baseUrl: options.baseUrl,
      question,
      acceptTruncated: options.acceptTruncated ?? false,
      keepRaw: checked.fields.includes("raw"),
      warn: (code, message) => tell({ type: "warning", atMs: terminal.clock.now(), code, message }),
    })
  }
  const opened: (AskedVariant & (OpenedModel | OpenedWorkers))[] = []
  try {
    for (const variant of checked.variants) opened.push({ ...variant, ...(await open(variant).catch(leaving(run))) })
    return await runOpened(checked, terminal, { opened, fetch, firstAnswer, listeners, shared: shared?.quotas.read })
  } finally {
    for (const each of opened) await each.close()
    await fetch.close()
    await shared?.close()
  }
}

interface Calls {
  readonly opened: readonly (AskedVariant & Partial<Pick<OpenedWorkers, "observe" | "end" | "reading">>)[]
  readonly fetch: LimitedFetch
  readonly firstAnswer: FirstAnswer
  /** Who hears what the calls do. */
  readonly listeners: EventSink[]
  readonly shared: SharedQuotas["read"] | undefined
}

async function runOpened(checked: CheckedRun, terminal: Terminal, calls: Calls): Promise<number> {
  const { opened, fetch, firstAnswer, listeners } = calls
  const { out, variants, options, run, interruption, total: inputs } = checked
  // What is counted are answers.
  const total = inputs === undefined ? undefined : inputs * variants.length
  const marks = options.assert && new Marks(await compileChecks(options.assert).catch(leaving(run)), run)
  const { clock } = terminal
  const reading = new AbortController()
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
  const edited = editedSince(checked.places, positionOf(run))
  const files = await openFiles(checked, terminal, listening).catch(leaving(run))
  const hasAnswers = answersIn(checked.journal, run.runId) > 0
  let result: BulkRunResult | undefined
  let progress: Progress | undefined
  let watched: (() => Promise<void>) | undefined
  let deadline: OnlineDeadline | undefined
  let keys: RunKeys | undefined
  let budget: SharedBudget | undefined
  let lane: Lane
  let isNothing = false
  try {
    await keepVariants(run, variants)
    await keepKey(run, options.key)
    lane = await leftOf(checked.lane, run, clock)
    if (lane !== "online") await run.putNote("lane", "batch")
    const title = titleOf(checked)
    progress = openProgress({ terminal, options, title, total, fetch, opened, keys: () => keys?.help() })
    watched = watchable({ run, title, path: checked.path, state: progress.state }, terminal)
    if (options.budgetUsd !== undefined && new Set(variants.map(({ model }) => model)).size > 1) {
      budget = new SharedBudget(options.budgetUsd, interruption)
      listeners.push(budget.observe)
    }
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
    deadline = onlineDeadline({ lane: checked.lane, deadlineMs: options.deadline }, { clock, interruption })
    const drain = (): void => {
      if (interruption.drain.aborted) return interruption.leave()
      interruption.finish()
      progress?.print(batches.open > 0 ? leavingBatches : finishing)
      leaveBatches()
    }
    const hands = new HandsOn({
      fetch,
      interruption,
      run,
      clock,
      drain,
      tell: (event) => [progress?.observe, shown].forEach((listener) => listener?.(event)),
      // The same inputs can be read again, and the journal knows which of them failed.
      retryFailed: checked.path === undefined || checked.files.includes("-") ? undefined : checked.page?.retryFailed,
    })
    const shown = await showPage(checked, hands, progress.observe, calls.shared)
    if (shown) listeners.push(shown)
    checked.stopListening()
    const stopListening = terminal.onInterrupt(() => {
      // Nobody is told any more that the run is paused.
      if (hands.isPaused) hands.act("drain")
      else drain()
    })
    if (progress.isLive && terminal.onKey && !checked.files.includes("-")) keys = new RunKeys(hands, fetch)
    const stopKeys = keys && terminal.onKey?.((key) => keys?.press(key))
    const warn = (message: string, code = "input-left-out"): void =>
      progress?.observe({ type: "warning", atMs: clock.now(), code, message })
    for (const [code, message] of runWarnings(checked, terminal, edited)) warn(message, code)
    try {
      if (lane !== checked.lane && typeof lane === "object") tellLeft(lane.deadlineMs, progress, clock)
      result = await bulkRun({
        inputs: readInput(checked.files, { ...inputOptions(options), onLacking: warn }, terminal.stdin, reading.signal),
        variants: opened as unknown as readonly [AskedVariant, ...AskedVariant[]],
        run,
        files,
        keyField: options.key,
        retryFailed: options.retryFailed,
        failedOnly: checked.page?.isRetry ?? false,
        maxFailures: options.maxFailures ?? Infinity,
        keepGoing: options.keepGoing ?? false,
        acceptChanges: options.acceptChanges ?? false,
        hasAnswers,
        marks,
        firstAnswer,
        check: total === undefined ? asRead(checked, warn) : undefined,
        concurrency: concurrencyOf(checked),
        lane: laneScope(lane, checked),
        maxAttempts: options.attempts,
        interruption,
        clock,
        redact: progress.redact,
        onEvent: (event) => {
          progress?.observe(event)
          shown?.(event)
          for (const each of opened) each.observe?.(event)
        },
        onCut: progress.cut,
        onMap: (map) => (hands.map = map),
      })
    } finally {
      deadline?.end()
      stopListening()
      stopKeys?.()
      // Else a process would wait for whoever still holds the other end.
      reading.abort()
      if (checked.files.includes("-")) terminal.stdin.destroy()
    }
  } finally {
    progress?.stop()
    await watched?.()
    await ending(opened, result?.isWhole ?? false)
    isNothing = isNothingDone(checked, result)
    await files.close({ whole: result?.isWhole ?? false, isNothing })
    if (isNothing && !result) await run.leave()
  }
  const ended = deadline?.reason ?? budget?.reason
  if (ended) result = { ...result, stopped: result.stopped ?? ended }
  const interrupted = interruption.drain.aborted && !ended
  const isLeft = interrupted || (result.open !== undefined && !result.stopped)
  if (!isLeft && !isNothing) await checked.table?.write(run)
  if (lane !== "online" && result.isWhole) {
    await run.putNote("lane", "online")
    await forgetDeadline(run)
  }
  const status = isLeft ? "cancelled" : !result.stopped && result.failed === 0 ? "ok" : "failed"
  checked.page?.end(status, interrupted)
  await keepStopped(run, isLeft ? undefined : result.stopped)
  await (isNothing ? run.leave() : run.end(status))
  // Nobody reads what is not kept: `| head` has seen enough.
  if (!isUnread || checked.path !== undefined) {
    if (variants.length > 1 && result.isWhole) {
      const { compareVariants } = await import("../variants/compare-variants.ts")
      await progress.compared(compareVariants(checked.journal, run.runId, variants))
    }
    const { places, path } = checked
    const facts = { out: isLeft ? places.out : out, failures: places.failed, journal: path, interrupted }
    progress.summary(result, { ...facts, failing: marks?.failing, again: checked.page?.isRetryWanted })
  }
  if (isLeft) return isUnread ? exitCodes.done : exitCodes.interrupted
  if (result.stopped) return exitCodes.stopped
  if (result.failed > 0) return exitCodes.someFailed
  return marks && marks.failing > 0 ? exitCodes.failedCheck : exitCodes.done
}

/** Inputs that nobody has read before: told of the first that has something to tell, before it is paid for. */
function asRead(
  { variants, fields, remarks }: CheckedRun,
  warn: (words: string, code: string) => void,
): (input: Input, index: number) => void {
  const fit = fitting(variants, fields)
  const questions = variants.map(({ question }) => question)
  return (input: Input, index: number): void => {
    fit(input, index)
    const before = remarks.counts
    remarks.see(questions, input.record)
    for (const words of remarks.wordsOf(input.where, before)) warn(words, "own-messages")
  }
}

async function ending(opened: Calls["opened"], isWhole: boolean): Promise<void> {
  for (const each of opened) await each.end?.(isWhole)
}

const finishing = "Finishing what is in flight. Ctrl-C again stops now."
const leavingBatches = "Leaving. The batches go on at the vendor; the same command collects their answers."

async function openFiles(
  { places, run, options, ...checked }: CheckedRun,
  { stdout, clock }: Terminal,
  listeners: Pick<ResultFilesOptions, "onFailure" | "onUnread">,
): Promise<ResultFiles> {
  const order = options.asCompleted ? "completion" : "input"
  const answers = checked.variants.length
  const lines = linesFor(checked.fields, checked.variants, options.formatOut)
  return new ResultFiles({ ...places, lines, answers, order, stdout, run, clock, ...listeners })
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
