import { existsSync } from "node:fs"
import { basename } from "node:path"
import type { RunPlan } from "./run-plan.ts"
import { SluiceError } from "@sluice/core"
import { openJournal } from "@sluice/journal"
import { countOf } from "../display/quantities.ts"
import { plan, type Plan, type PlannedCall, type PlanOptions } from "@sluice/lab"
import type { QuotaLimits } from "@sluice/scheduler"
import type { SluiceConfig } from "../commands/config-file.ts"
import type { BatchLine } from "../question/batch-line.ts"
import { asksTheSame, sameForAll } from "../question/compile-question.ts"
import { MessageRemarks } from "../question/message-remarks.ts"
import { exitCodes } from "../exit-codes.ts"
import { atLeastReserved, limitsFor, priceOf } from "../model/model-money.ts"
import { parseModelName } from "../model/model-name.ts"
import { asInput, plannedVendor } from "./planned-vendor.ts"
import { promptTokens, tokensOf } from "./prompt-tokens.ts"
import { readInput, type ReadAs } from "../input/read-input.ts"
import { inputOptions } from "../run/checked-run.ts"
import { renderPlan, renderTogether } from "./render-plan.ts"
import { checkFields } from "../results/result-fields.ts"
import type { RunCommandOptions } from "../run/options/run-options.ts"
import { printableJson, printableText } from "../display/printable.ts"
import type { Terminal } from "../display/terminal.ts"
import { usageError } from "../usage-error.ts"
import type { Variant } from "../variants/variant.ts"

/** Nobody knows how long answers will be; said in the plan, and replaced by `--answer-tokens`. */
const assumedAnswerTokens = 256

export interface PlanRequest {
  readonly files: readonly string[]
  readonly variants: readonly Variant[]
  readonly options: RunCommandOptions
  readonly config: SluiceConfig
  /** As the run would have them. */
  readonly limits: QuotaLimits & { readonly limits?: Readonly<Record<string, QuotaLimits>> }
}

/** `sluice plan` and `--dry-run`: what the run would send, cost and take. Calls nobody. */
export async function planCommand(request: PlanRequest, terminal: Terminal): Promise<number> {
  const { json = false } = request.options
  const plans = await plansOf(request, terminal)
  const texts = plans.map((planned) => (json ? `${printableJson(planned)}\n` : printableText(renderPlan(planned))))
  terminal.stdout.write(texts.join(json ? "" : "\n"))
  if (json) return exitCodes.done
  if (plans.length > 1) terminal.stdout.write(`\n${renderTogether(plans, request.options.budgetUsd)}\n`)
  terminal.stdout.write(answeredBefore(request.options))
  return exitCodes.done
}

/** What a run of before has is not asked again: whoever compares the plan with the run should know. */
function answeredBefore({ out = "-", journal: named, retryFailed }: RunCommandOptions): string {
  const path = named ?? `${out}.journal`
  if (path === false || out === "-" || !existsSync(path)) return ""
  const journal = openJournal({ path, readOnly: true })
  try {
    const { ok = 0, failed = 0 } = journal.runs().find(({ runId }) => runId === basename(out)) ?? {}
    const settled = retryFailed === undefined ? ok + failed : ok
    if (settled === 0) return ""
    const what = [countOf(ok, "answer"), ...(failed === 0 ? [] : [countOf(failed, "failure")])].join(" and ")
    const again = failed > 0 && retryFailed !== undefined ? "; --retry-failed asks the failures again" : ""
    return `\n${path} has ${what}. The plan counts every item; the run asks again about none that is settled there${again}.\n`
  } finally {
    void journal.close()
  }
}

/** What goes to one model. */
interface PlannedCalls {
  readonly model: string
  inputs: number
  readonly calls: PlannedCall[]
  readonly firstPrompt: RunPlan["firstPrompt"]
}

/** One, or where each input names its model one for each of them: quotas and prices are the models' own. */
async function plansOf(request: PlanRequest, terminal: Terminal): Promise<RunPlan[]> {
  const { files, variants, options } = request
  const byModel = new Map<string, PlannedCalls>()
  let isFirst = true
  const read = new Map<string, ReadAs>()
  // What is known of a file grows: its encoding, then what parts its columns.
  const onRead = (how: ReadAs): void => {
    const { delimiter: _delimiter, ...before } = how
    read.delete(JSON.stringify(before))
    read.set(JSON.stringify(how), how)
  }
  const warnings: string[] = []
  const reading = { ...inputOptions(options), onRead, onLacking: (words: string) => void warnings.push(words) }
  let count = 0
  const remarks = new MessageRemarks()
  const questions = variants.map(({ question }) => question)
  for await (const { record, where } of readInput(files, reading, terminal.stdin)) {
    count++
    if (isFirst) checkFields(options.fields ?? [], record)
    isFirst = false
    remarks.see(questions, record)
    const counted = new Set<PlannedCalls>()
    for (const { model: asked, question } of variants) {
      const messages = question.messages(record, where)
      const line = question.request?.(record, where)
      const model = line ? `${parseModelName(asked).vendor}:${line.model}` : asked
      let planned = byModel.get(model)
      if (!planned) byModel.set(model, (planned = { model, inputs: 0, calls: [], firstPrompt: messages }))
      if (!counted.has(planned)) planned.inputs++
      counted.add(planned)
      const attached = await tokensOf(question.attachments?.(record, where) ?? [], model)
      const maxTokens = line ? maxTokensOf(line) : options.maxOutputTokens
      planned.calls.push({
        inputTokens: promptTokens(messages) + attached,
        outputTokens: line ? outputTokensOf(line, options) : answerTokensOf(options).each,
        ...(maxTokens !== undefined && { maxTokens }),
      })
    }
  }
  if (byModel.size === 0) throw usageError("There is nothing to plan: the input is empty.")
  if (count > 1 && variants.some(({ question }) => asksTheSame(question))) warnings.push(sameForAll)
  warnings.push(...remarks.words())
  const plans: RunPlan[] = []
  for (const planned of byModel.values())
    plans.push({ ...(await planRun(planned, request)), read: [...read.values()], warnings })
  return plans
}

async function planRun(
  { model, inputs, calls, firstPrompt }: PlannedCalls,
  { variants, options, config, limits }: PlanRequest,
): Promise<Omit<RunPlan, "read" | "warnings">> {
  const { id, vendor: vendorName } = parseModelName(model)
  const { countsInputOnly = false, ...vendor } = plannedVendor(vendorName)
  const answerTokens = options.format === "openai-batch" ? meanAnswerOf(calls, options) : answerTokensOf(options)
  const own = limitsFor(id, limits)
  const price = priceOf(id, config)
  const planned = await planOf({
    calls,
    model,
    limits: countsInputOnly ? asInput(own) : own,
    ...vendor,
    ...latencyOf(options, vendor.latency),
    ...(options.concurrency !== undefined && { concurrency: options.concurrency }),
    ...(price && { prices: { inputUsdPerMillion: price.input, outputUsdPerMillion: price.output } }),
  })
  const { usd } = planned
  // Of several models it is that of all together.
  const isShared = options.budgetUsd !== undefined && new Set(variants.map((each) => each.model)).size > 1
  const budgetUsd = (isShared ? undefined : own.budgetUsd) ?? Infinity
  const isOnline = (options.lane ?? config.lane ?? "online") === "online"
  const callUsd = isOnline && price ? atLeastReserved(calls, price) : 0
  const tooDear = callUsd > budgetUsd ? { callUsd, budgetUsd } : undefined
  return {
    ...planned,
    model,
    inputs,
    answerTokens,
    hasLimits: Object.keys(own).some((name) => name !== "budgetUsd"),
    hasBatchApi: vendor.batch !== undefined,
    ...(tooDear && { tooDear }),
    ...(usd &&
      usd.online > budgetUsd &&
      !tooDear && { budgetEndsAfter: Math.floor((calls.length * budgetUsd) / usd.online) }),
    firstPrompt,
  }
}

async function planOf(options: PlanOptions): Promise<Plan> {
  try {
    return await plan(options)
  } catch (error) {
    // One of the calls is larger than a limit: the quota's own words say which and by how much.
    if (SluiceError.isInstance(error) && SluiceError.isInstance(error.cause)) throw usageError(error.cause.message)
    throw error
  }
}

function answerTokensOf({ answerTokens, maxOutputTokens }: RunCommandOptions): RunPlan["answerTokens"] {
  if (answerTokens !== undefined) {
    return { each: Math.min(answerTokens, maxOutputTokens ?? answerTokens), from: "answer-tokens" }
  }
  if (maxOutputTokens !== undefined) return { each: maxOutputTokens, from: "max-output-tokens" }
  return { each: assumedAnswerTokens, from: "assumed" }
}

/** Each request of a batch file has its own. */
function meanAnswerOf(calls: readonly PlannedCall[], options: RunCommandOptions): RunPlan["answerTokens"] {
  const each = Math.round(calls.reduce((sum, { outputTokens }) => sum + outputTokens, 0) / calls.length)
  const { from } = answerTokensOf(options)
  const isSaid = calls.every(({ outputTokens, maxTokens }) => outputTokens === (maxTokens ?? 0))
  return { each, from: isSaid && from === "assumed" ? "requests" : from }
}

/** Under whichever name the endpoint has it. */
function maxTokensOf({ body }: BatchLine): number | undefined {
  const most = [body["max_completion_tokens"], body["max_tokens"], body["max_output_tokens"]].map(Number)
  return most.find((value) => value > 0)
}

function outputTokensOf(line: BatchLine, options: RunCommandOptions): number {
  if (line.endpoint === "embeddings" || line.endpoint === "moderations") return 0
  return Math.min(options.answerTokens ?? Infinity, maxTokensOf(line) ?? answerTokensOf(options).each)
}

function latencyOf(
  { latencyMs, tokenMs }: RunCommandOptions,
  latency: PlanOptions["latency"],
): Pick<PlanOptions, "latency"> {
  return {
    latency: {
      ...latency,
      ...(latencyMs !== undefined && { baseMs: latencyMs }),
      ...(tokenMs !== undefined && { perOutputTokenMs: tokenMs }),
    },
  }
}
