import { countTokens } from "@sluice/lab"
import { type Price, prices as listPrices, pricesAsOf, usdOf } from "@sluice/providers"
import { countOf, formatCount, formatDuration } from "../display/quantities.ts"
import type { SluiceConfig } from "./config-file.ts"
import type { Question } from "./compile-question.ts"
import { exitCodes } from "./exit-codes.ts"
import { parseModelName } from "./model-name.ts"
import { readInput } from "./read-input.ts"
import { checkFields } from "./result-fields.ts"
import type { RunOptions } from "./run-options.ts"
import type { Terminal } from "./terminal.ts"

/** Nobody knows how long answers will be; said in the plan, and replaced by `--max-output-tokens`. */
const assumedOutputTokens = 256

export interface PlanRequest {
  readonly files: readonly string[]
  readonly question: Question
  readonly model: string
  readonly options: RunOptions
  readonly config: SluiceConfig
}

/** `--dry-run` and `sluice plan`: what the run would send, cost and take. Calls nobody. */
export async function printPlan(
  { files, question, model, options, config }: PlanRequest,
  terminal: Terminal,
): Promise<number> {
  const outputTokens = options.maxOutputTokens ?? assumedOutputTokens
  const sum = { items: 0, input: 0, output: 0 }
  let first: string | undefined
  for await (const { record, where } of readInput(files, options.format, terminal.stdin)) {
    const messages = question.messages(record, where)
    if (sum.items++ === 0) {
      checkFields(options.fields ?? [], record)
      first = messages.map(({ role, content }) => `  ${role}: ${content.slice(0, 200)}`).join("\n")
    }
    for (const { content } of messages) sum.input += countTokens(content)
    sum.output += outputTokens
  }
  const { id } = parseModelName(model)
  const price = priceOf({ ...listPrices, ...config.prices }, id)
  const usd =
    price &&
    usdOf(price, { inputTokens: sum.input, outputTokens: sum.output, cachedInputTokens: 0, cacheWriteTokens: 0 })
  const minutes = minutesUnder(options, sum)
  const lines = [
    `${countOf(sum.items, "item")} from ${countOf(files.length, "input")}, ${model}`,
    `about ${formatCount(sum.input)} input tokens and ${formatCount(sum.output)} output tokens (${outputTokens} an answer${options.maxOutputTokens === undefined ? ", assumed" : " at most"})`,
    usd === undefined
      ? `cost: no price is known for ${id}; put one into sluice.config.json`
      : `about $${usd.toFixed(2)} at list prices of ${pricesAsOf}`,
    minutes === undefined
      ? "time: no limits given; the pace is learned from the vendor's answers"
      : `at least ${formatDuration(minutes.value * 60_000)} (${minutes.by} decides)`,
    ...(options.budgetUsd !== undefined && usd !== undefined && usd > options.budgetUsd
      ? [
          `the budget of $${options.budgetUsd} ends the run after about ${formatCount(Math.floor((sum.items * options.budgetUsd) / usd))} items`,
        ]
      : []),
    ...(first === undefined ? [] : ["first item:", first]),
  ]
  terminal.stdout.write(`${lines.join("\n")}\n`)
  return exitCodes.done
}

/** The price under the model's own name, or under the longest pattern (`gpt-5*`) that its name begins with. */
function priceOf(prices: Readonly<Record<string, Price>>, model: string): Price | undefined {
  const fitting = Object.keys(prices).filter(
    (name) => name === model || (name.endsWith("*") && model.startsWith(name.slice(0, -1))),
  )
  const [best] = fitting.toSorted((a, b) => b.length - a.length)
  return best === undefined ? undefined : prices[best]
}

function minutesUnder(
  options: RunOptions,
  sum: { items: number; input: number; output: number },
): { value: number; by: string } | undefined {
  const { rpm, tpm, itpm, otpm, rpd } = options
  const demands = [
    ["--rpm", sum.items, rpm],
    ["--tpm", sum.input + sum.output, tpm],
    ["--itpm", sum.input, itpm],
    ["--otpm", sum.output, otpm],
    ["--rpd", sum.items * 1_440, rpd],
  ] as const
  return demands
    .flatMap(([by, need, limit]) => (limit === undefined ? [] : [{ by, value: need / limit }]))
    .toSorted((a, b) => b.value - a.value)[0]
}
