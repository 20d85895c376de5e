import { statSync } from "node:fs"
import { Readable } from "node:stream"
import type { SluiceConfig } from "../commands/config-file.ts"
import { readInput } from "../input/read-input.ts"
import { checkPrice } from "../model/model-money.ts"
import { parseModelName } from "../model/model-name.ts"
import { batchFileQuestion } from "../question/batch-file.ts"
import { isBatchLine } from "../question/batch-line.ts"
import type { Question } from "../question/compile-question.ts"
import { usageError } from "../usage-error.ts"
import type { RunCommandOptions } from "./options/run-options.ts"
import type { RunLimits } from "./options/run-limits.ts"

/**
 * The options of a run, where its first file may be an OpenAI batch file: then lines are named by their `custom_id`. One is
 * known by its first line, where nothing says what else to ask; standard input is not looked into before.
 */
export async function ofBatchFile(
  [file = "-"]: readonly string[],
  options: RunCommandOptions,
): Promise<RunCommandOptions> {
  const { format, prompt, promptFile, messages } = options
  const isOpen = format === undefined && prompt === undefined && promptFile === undefined && messages === undefined
  const isOne = format === "openai-batch" || (isOpen && (await beginsAsBatchFile(file, options)))
  const { formatOut, fields, key = "custom_id" } = options
  if (formatOut === "openai-batch" && fields !== undefined)
    throw usageError("--fields: lines of --format-out openai-batch hold what OpenAI's do.")
  // A status of 200 is a result, as OpenAI has it.
  if (isOne) return { ...options, format: "openai-batch", key, acceptTruncated: true }
  if (formatOut !== "openai-batch") return options
  throw usageError("--format-out openai-batch: the inputs are no OpenAI batch file, whose results have that format.")
}

async function beginsAsBatchFile(file: string, { encoding }: RunCommandOptions): Promise<boolean> {
  if (!/\.(jsonl|ndjson)(\.gz)?$/i.test(file) || !statSync(file).isFile()) return false
  for await (const { record } of readInput([file], { encoding, limit: 1 }, Readable.from([])))
    return isBatchLine(record)
  return false
}

/** Each body names its model, so `--model` says no more than whose server it is. */
export function serverOf({ model: models = [], baseUrl }: RunCommandOptions): string {
  const [model, other] = models
  if (other !== undefined) throw usageError(`--model ${other}: an OpenAI batch file goes to one server.`)
  const given = model ?? (baseUrl === undefined ? "openai:" : "openai-compatible:")
  const [, vendor = given, id = ""] = /^([^:]*):(.*)$/.exec(given) ?? []
  const servers = ["openai", "openai-compatible", "lab", "noop"]
  if (!servers.includes(vendor)) {
    throw usageError(
      `--model ${given}: an OpenAI batch file goes to a server that speaks OpenAI's protocol: ${servers.map((name) => `${name}:`).join(", ")}.`,
    )
  }
  if (id !== "" && id !== "*") {
    throw usageError(
      `--model ${given}: each line of an OpenAI batch file names its own model. Leave --model out, or say ${vendor}: alone.`,
    )
  }
  return `${vendor}:*`
}

/** Every model's price has to be known where a budget is to be kept. The model that OpenAI would take is named to it: its quota goes by it. */
export function batchQuestion(
  options: RunCommandOptions,
  server: string,
  limits: RunLimits,
  config: SluiceConfig,
): Question {
  const { vendor } = parseModelName(server)
  return batchFileQuestion(options, (line) => {
    const { model, body } = line
    checkPrice(vendor, model, limits, config)
    return vendor === "openai" && body["model"] === undefined ? { ...line, body: { model, ...body } } : line
  })
}
