import { existsSync, rmSync } from "node:fs"
import { basename } from "node:path"
import type { Clock } from "@sluice/core"
import { loadConfig, type SluiceConfig } from "../commands/config-file.ts"
import type { Terminal } from "../display/terminal.ts"
import { batchFileQuestion } from "../question/batch-file.ts"
import { MessageRemarks } from "../question/message-remarks.ts"
import { expandInputs } from "../input/expand-inputs.ts"
import { scanInput } from "../input/scan-input.ts"
import { addKeysOf } from "../model/env-file.ts"
import { checkBudget } from "../model/model-money.ts"
import { parseModelName } from "../model/model-name.ts"
import { tableKindOf } from "../results/result-kind.ts"
import { fieldsFor } from "../results/result-fields.ts"
import { checkFolder, checkLink, checkPlaces, ownFiles, placesOf, removeIfEmpty } from "../results/result-places.ts"
import { usageError } from "../usage-error.ts"
import { forgetFrame } from "../watch/kept-frame.ts"
import { checkWorkers } from "../workers/check-workers.ts"
import { batchQuestion, ofBatchFile, serverOf } from "./batch-file-run.ts"
import { carryOut } from "./carry-out.ts"
import { exitCodes } from "../exit-codes.ts"
import { checkKey, checkLeft } from "./check-earlier.ts"
import { ofFolder } from "./folder-run.ts"
import { fitting, inputOptions } from "./checked-run.ts"
import { Interruption } from "./interruption.ts"
import { laneOf } from "../lane/lane-option.ts"
import { answersIn, leaving, openRunJournal, otherWriter } from "./open-run-journal.ts"
import type { RunPage } from "../ui/run-page.ts"
import { withFrontMatter } from "./options/front-matter.ts"
import { limitsOf } from "./options/run-limits.ts"
import type { RunCommandOptions } from "./options/run-options.ts"
import { compileQuestions, crossed, type ChosenModel } from "../variants/compile-variants.ts"
import { placeVariants } from "../variants/place-variants.ts"
import { type Variant, variantOf, type Variants } from "../variants/variant.ts"

/** `sluice run`, and with `--ui` its page, from which failed items can be asked again. */
export async function runCommand(
  inputs: readonly string[],
  options: RunCommandOptions,
  terminal: Terminal,
): Promise<number> {
  if (options.ui === undefined || options.dryRun || options.show !== undefined) {
    return runOnce(inputs, options, terminal)
  }
  const { RunPage } = await import("../ui/run-page.ts")
  const page = new RunPage(options.ui, terminal)
  try {
    let code = await runOnce(inputs, options, terminal, page)
    while (await page.linger()) code = await runOnce(inputs, { ...options, retryFailed: true }, terminal, page)
    return code
  } finally {
    await page.close()
  }
}

/** An option that takes several words takes the inputs behind it too. */
function checkNamed(inputs: readonly string[], { only, promptFile }: RunCommandOptions): void {
  if (inputs.length > 0) return
  const [option, words] = promptFile && promptFile.length > 1 ? ["--prompt-file", promptFile] : ["--only", only]
  throw usageError(
    words === undefined
      ? "Name the inputs: files, globs, or - for standard input."
      : `Name the inputs before the options: ${option} has taken ${words.join(", ")}.`,
  )
}

/** As they were given, or as the configuration calls them. */
function modelsOf(names: readonly string[] | undefined, config: SluiceConfig): ChosenModel[] {
  const given = names ?? (config.model === undefined ? [] : [config.model])
  if (given.length === 0)
    throw usageError("Give a model: --model openai:gpt-5-mini, or --model lab: to try without a key.")
  return given.map((name) => {
    const model = new Map(Object.entries(config.models ?? {})).get(name) ?? name
    parseModelName(model)
    return { name, model }
  })
}

/** What one of several prompt files begins with; what would hold for the whole run it cannot say. */
function withOwn(
  { acceptTruncated, answerTokens }: RunCommandOptions,
  clock: Clock,
): (options: RunCommandOptions) => Promise<RunCommandOptions> {
  return async (options) => {
    const own = await withFrontMatter(options, clock)
    if (own.acceptTruncated === acceptTruncated && own.answerTokens === answerTokens) return own
    throw usageError(
      `--prompt-file ${options.promptFile?.join() ?? ""}: accept-truncated and answer-tokens hold for all prompts of a command. Give them as its options.`,
    )
  }
}

/** What is asked about each input; where inputs are requests of their own, the one server that they go to. */
async function variantsOf(options: RunCommandOptions, config: SluiceConfig, clock: Clock): Promise<readonly Variant[]> {
  if (options.format !== "openai-batch")
    return crossed(await compileQuestions(options, withOwn(options, clock), clock), (names) => modelsOf(names, config))
  const server = serverOf(options)
  return [variantOf(server, server, batchQuestion(options, server, limitsOf(options, config), config))]
}

/** Everything is checked before the first call is paid for. */
async function runOnce(
  inputs: readonly string[],
  asked: RunCommandOptions,
  terminal: Terminal,
  page?: RunPage,
): Promise<number> {
  checkNamed(inputs, asked)
  const files = await expandInputs(inputs, asked.followLinks ?? false, ownFiles(asked))
  if (files.filter((name) => name === "-").length > 1) throw usageError("Standard input (-) can be read once.")
  const options = await ofBatchFile(files, ofFolder(inputs, await withFrontMatter(asked, terminal.clock)))
  const isBatchFile = options.format === "openai-batch"
  if (options.show !== undefined) {
    const asked = isBatchFile
      ? [{ name: "", question: batchFileQuestion(options), models: options.model }]
      : await compileQuestions(options, withOwn(options, terminal.clock), terminal.clock)
    const shown = { files, asked, count: options.show, json: options.json ?? false }
    return (await import("../plan/show-prompts.ts")).showPrompts({ ...shown, input: inputOptions(options) }, terminal)
  }
  await addKeysOf(terminal, options.config)
  const config = await loadConfig(options.config, terminal.clock)
  const asking = await variantsOf(options, config, terminal.clock)
  const models = [...new Set(asking.map(({ model }) => model))]
  const limits = limitsOf(options, config, models)
  const lanes = models.map((model) =>
    laneOf({ lane: options.lane, deadlineMs: options.deadline, configured: config.lane, model }),
  )
  const lane = lanes[0] ?? "online"
  const out = options.out ?? "-"
  const kind = tableKindOf(out, options.formatOut)
  checkWorkers(options, lane)
  if (!isBatchFile) for (const model of models) checkBudget(model, limits, config)
  if (options.dryRun) {
    const request = { files, variants: asking, options, config, limits }
    return (await import("../plan/plan-command.ts")).planCommand(request, terminal)
  }

  const fields = fieldsFor(options)
  const temporary = options.journal === false || (options.journal === undefined && out === "-")
  const path = temporary ? undefined : (options.journal ?? `${out}.journal`)
  // Before the journal beside it is opened: that one was named by nobody.
  if (out !== "-") checkFolder(`--out ${out}`, out)
  if (typeof options.journal === "string") checkFolder(`--journal ${options.journal}`, options.journal)
  // Nobody has named it: what lies there is not followed.
  if (options.journal === undefined && path !== undefined) checkLink(path)
  const isNewFile = path !== undefined && !existsSync(path)
  // From here on there is something to leave as it was.
  const interruption = new Interruption()
  const stopListening = terminal.onInterrupt(() => {
    interruption.finish()
    // Whoever presses again wants it gone, whatever it waits for.
    stopListening()
  })
  const atEnd: (() => void)[] = []
  const journal = openRunJournal(path, terminal)
  try {
    const places = placesOf(out, path, kind !== undefined)
    if (out === "-" && path === undefined) atEnd.push(() => removeIfEmpty(places.failed))
    const table = kind
      ? new (await import("../results/table/result-table.ts")).ResultTable(out, places.out, kind)
      : undefined
    const runId = out === "-" ? "stdout" : basename(out)
    const isNew = !journal.runs().some((each) => each.runId === runId)
    const run = await journal
      .openRun({ runId, flow: "sluice run", takeOver: options.takeOver ?? false })
      .catch(otherWriter(options))
    await forgetFrame(run)
    if (out !== "-") {
      const { lockResults } = await import("../results/results-lock.ts")
      atEnd.push(await Promise.resolve(places.out).then(lockResults).catch(leaving(run)))
    }
    const acceptChanges = options.acceptChanges ?? false
    const check = async (): Promise<{ readonly variants: Variants; readonly total: number | undefined }> => {
      checkPlaces(places, run)
      await table?.check(run)
      const earlier = { run, out, acceptChanges, hasAnswers: () => answersIn(journal, runId) > 0 }
      const variants = placeVariants(asking, earlier)
      checkLeft(earlier, lane)
      checkKey(earlier, options.key)
      const total = await scanInput({
        files,
        input: inputOptions(options),
        keyField: options.key,
        run,
        variants,
        stdin: terminal.stdin,
        left: interruption.drain,
        remarks,
        check: fitting(variants, fields),
      })
      return { variants, total }
    }
    const remarks = new MessageRemarks()
    const { variants, total } = await check().catch(leaving(run))
    if (interruption.drain.aborted) {
      await run.leave()
      if (!options.quiet && !options.json) terminal.stderr.write("Interrupted before anything was asked.\n")
      return exitCodes.interrupted
    }
    return await carryOut(
      {
        files,
        out,
        places,
        table,
        fields,
        variants,
        config,
        limits,
        lane,
        options,
        journal,
        run,
        total,
        remarks,
        path,
        isNew,
        interruption,
        stopListening,
        page,
      },
      terminal,
    )
  } finally {
    stopListening()
    // Of a command that was refused, or left before anything was done, nothing stays.
    const isEmpty = isNewFile && journal.runs().length === 0
    await journal.close()
    for (const end of atEnd) end()
    if (isEmpty) for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true })
  }
}
