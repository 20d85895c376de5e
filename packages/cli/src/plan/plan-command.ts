import type { RunPlan } from "./run-plan.ts"
import { SluiceError } from "@sluice/core"
import { countTokens, plan, type Plan, type PlannedCall, type PlanOptions } from "@sluice/lab"
import type { QuotaLimits } from "@sluice/scheduler"
import type { SluiceConfig } from "../commands/config-file.ts"
import type { Question } from "../input/compile-question.ts"
import { exitCodes } from "../exit-codes.ts"
import { limitsFor, priceOf } from "../model/model-money.ts"
import { parseModelName } from "../model/model-name.ts"
import { countedLimits, plannedVendor } from "./planned-vendor.ts"
import { readInput } from "../input/read-input.ts"
import { renderPlan } from "./render-plan.ts"
import { checkFields } from "../results/result-fields.ts"
import type { RunOptions } from "../run/run-options.ts"
import { printableJson, printableText } from "../display/printable.ts"
import type { Terminal } from "../display/terminal.ts"
import { usageError } from "../usage-error.ts"

/** Nobody knows how long answers will be; said in the plan, and replaced by `--answer-tokens`. */
const assumedAnswerTokens = 256

export interface PlanRequest {
  readonly files: readonly string[]
  readonly question: Question
  readonly model: string
  readonly options: RunOptions
  readonly config: SluiceConfig
  /** As the run would have them. */
  readonly limits: QuotaLimits & { readonly limits?: Readonly<Record<string, QuotaLimits>> }
}

/** `sluice plan` and `--dry-run`: what the run would send, cost and take. Calls nobody. */
export async function planCommand(request: PlanRequest, terminal: Terminal): Promise<number> {
  const planned = await planRun(request, terminal)
  const { json = false } = request.options
  terminal.stdout.write(json ? `${printableJson(planned)}\n` : printableText(renderPlan(planned)))
  return exitCodes.done
}

async function planRun(
  { files, question, model, options, config, limits }: PlanRequest,
  terminal: Terminal,
): Promise<RunPlan> {
  const { id, vendor: vendorName } = parseModelName(model)
  const vendor = plannedVendor(vendorName)
  const answerTokens = answerTokensOf(options)
  const calls: PlannedCall[] = []
  let firstPrompt: RunPlan["firstPrompt"] = []
  for await (const { record, where } of readInput(files, options, terminal.stdin)) {
    const messages = question.messages(record, where)
    if (calls.length === 0) {
      checkFields(options.fields ?? [], record)
      firstPrompt = messages
    }
    const inputTokens = messages.reduce((sum, { content }) => sum + countTokens(content), 0)
    const { maxOutputTokens: maxTokens } = options
    calls.push({ inputTokens, outputTokens: answerTokens.each, ...(maxTokens !== undefined && { maxTokens }) })
  }
  if (calls.length === 0) throw usageError("There is nothing to plan: the input is empty.")
  const own = limitsFor(id, limits)
  const price = priceOf(id, config)
  const planned = await planOf({
    calls,
    model,
    limits: countedLimits(own, vendor),
    ...vendor,
    ...latencyOf(options, vendor.latency),
    ...(options.concurrency !== undefined && { concurrency: options.concurrency }),
    ...(price && { prices: { inputUsdPerMillion: price.input, outputUsdPerMillion: price.output } }),
  })
  const { usd } = planned
  const { budgetUsd = Infinity } = own
  return {
    ...planned,
    model,
    inputs: files.length,
    answerTokens,
    hasLimits: Object.keys(own).some((name) => name !== "budgetUsd"),
    hasBatchApi: vendor.batch !== undefined,
    ...(usd && usd.online > budgetUsd && { budgetEndsAfter: Math.floor((calls.length * budgetUsd) / usd.online) }),
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

function answerTokensOf({ answerTokens, maxOutputTokens }: RunOptions): RunPlan["answerTokens"] {
  if (answerTokens !== undefined) {
    return { each: Math.min(answerTokens, maxOutputTokens ?? answerTokens), from: "answer-tokens" }
  }
  if (maxOutputTokens !== undefined) return { each: maxOutputTokens, from: "max-output-tokens" }
  return { each: assumedAnswerTokens, from: "assumed" }
}

function latencyOf({ latencyMs, tokenMs }: RunOptions, latency: PlanOptions["latency"]): Pick<PlanOptions, "latency"> {
  return {
    latency: {
      ...latency,
      ...(latencyMs !== undefined && { baseMs: latencyMs }),
      ...(tokenMs !== undefined && { perOutputTokenMs: tokenMs }),
    },
  }
}
