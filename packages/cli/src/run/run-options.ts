import { type Command, InvalidArgumentError, Option } from "commander"
import type { AskOptions } from "../input/compile-question.ts"
import { duration, lanes } from "./lane-option.ts"
import { type Condition, parseCondition } from "../input/condition.ts"
import { type InputFormat, inputFormats } from "../input/input-formats.ts"

/** `sluice run` and `sluice plan` as commander hands them over. */
export interface RunOptions extends AskOptions {
  readonly model?: string
  readonly baseUrl?: string
  readonly config?: string
  readonly out?: string
  readonly format?: InputFormat
  readonly encoding?: string
  readonly delimiter?: string
  readonly where?: readonly Condition[]
  readonly skip?: number
  readonly sample?: number
  readonly seed?: number
  readonly limit?: number
  readonly key?: string
  readonly fields?: readonly string[]
  readonly followLinks?: boolean
  readonly asCompleted?: boolean
  readonly journal?: string | false
  readonly cache?: boolean
  readonly retryFailed?: boolean
  readonly keepGoing?: boolean
  readonly acceptTruncated?: boolean
  readonly acceptChanges?: boolean
  readonly takeOver?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
  readonly rpm?: number
  readonly tpm?: number
  readonly itpm?: number
  readonly otpm?: number
  readonly rpd?: number
  readonly concurrency?: number
  readonly budgetUsd?: number
  readonly lane?: (typeof lanes)[number]
  /** In milliseconds. */
  readonly deadline?: number
  readonly attempts: number
  readonly timeoutS?: number
  readonly answerTokens?: number
  readonly latencyMs?: number
  readonly tokenMs?: number
}

/** Adds the options to `command`, in groups that the help shows. */
export function addRunOptions(command: Command): Command {
  const group = (heading: string, ...options: Option[]): void => {
    for (const option of options) command.addOption(option.helpGroup(heading))
  }
  const option = (flags: string, description: string): Option => new Option(flags, description)
  const positive = (flags: string, description: string): Option => option(flags, description).argParser(positiveNumber)
  group(
    "Question:",
    option("-p, --prompt <text>", "what to ask about each input; {{field}} is filled in"),
    option("--prompt-file <file>", "the prompt, from a file"),
    option("-s, --system <text>", "system prompt, also with {{field}}"),
    option("--system-file <file>", "the system prompt, from a file"),
    option("--messages <file>", 'several messages: a JSON list of {"role", "content"}'),
    option("--schema <file>", "JSON schema: answers are objects that fit it"),
    option("--param <name=value>", "a value for {{name}} (repeatable)").argParser(addParam),
    positive("--max-output-tokens <n>", "cut answers at so many tokens").argParser(positiveInteger),
    option("--temperature <t>", "0 to 2").argParser(temperature),
    option(
      "--accept-truncated",
      "take answers that were cut, withheld, refused or are empty: finishReason tells which",
    ),
  )
  group(
    "Model:",
    option(
      "-m, --model <vendor:model>",
      "openai:…, anthropic:…, google:…, openai-compatible:…, lab: (simulated, no key), noop:",
    ),
    option("--base-url <url>", "where an openai-compatible server (or a gateway) listens"),
    option(
      "--lane <lane>",
      "batch: by the vendor's batch API at half the price, within a day; auto: so until --deadline nears",
    ).choices(lanes),
    option("--deadline <duration>", "with --lane auto: 2h, 90m; counts from the first command of a run").argParser(
      duration,
    ),
    option("--config <file>", "models, limits, prices and lane (default: sluice.config.ts or .json here)"),
  )
  group(
    "Limits (none: learned from the vendor's answers):",
    positive("--rpm <n>", "requests a minute"),
    positive("--tpm <n>", "tokens a minute"),
    positive("--itpm <n>", "input tokens a minute"),
    positive("--otpm <n>", "output tokens a minute"),
    positive("--rpd <n>", "requests a day"),
    option("--concurrency <n>", "calls in flight").argParser(positiveInteger),
    positive("--budget-usd <dollars>", "stop when so much is spent"),
    option("--attempts <n>", "tries at an answer that fits the schema").argParser(positiveInteger).default(3),
    positive("--timeout-s <seconds>", "for one call"),
  )
  group(
    "Input and output:",
    option("-o, --out <file>", "one line of JSON per input; - is standard output").default("-"),
    option("--format <format>", "of the inputs (default: by their names; standard input: jsonl)").choices(inputFormats),
    option("--encoding <name>", "of the inputs, for example windows-1252 (default: utf-8)").argParser(encoding),
    option("--delimiter <text>", "what parts the columns of a table (default: as its first line has it)").argParser(
      (text: string) => (text === String.raw`\t` ? "\t" : text),
    ),
    option("--where <field=value>", "only inputs whose field is so, or (!=) is not (repeatable)").argParser(
      addCondition,
    ),
    option("--skip <n>", "without the first n inputs").argParser(positiveInteger),
    option("--sample <n>", "n inputs drawn at random, the same ones for the same --seed").argParser(positiveInteger),
    option("--seed <n>", "for --sample (default: 1)").argParser(positiveInteger),
    option("--limit <n>", "only the first n inputs, of what the options before leave").argParser(positiveInteger),
    option("--key <field>", "a field that names each input: then results follow it when lines move"),
    option(
      "--fields <names>",
      "what a line holds: index, key, input, output, attempts, inputTokens, outputTokens, usd, finishReason, model, requestId, latencyMs, or input fields",
    ).argParser((text: string) => text.split(",").map((name) => name.trim())),
    option("--follow-links", "let globs follow links out of their folder"),
    option("--as-completed", "lines in the order of completion, not of input"),
  )
  group(
    "Journal:",
    option("--journal <file>", "where the run is recorded (default: beside --out)"),
    option("--no-journal", "do not keep a record: the run cannot be resumed"),
    option("--cache", "answer identical requests from the journal"),
    option("--retry-failed", "try items again that failed in an earlier run"),
    option("--keep-going", "do not stop when the first 20 calls are all refused for one reason"),
    option("--accept-changes", "ask everything again, where the prompt, model or schema differ from the earlier run"),
    option("--take-over", "resume a run whose process was on another machine and is gone"),
  )
  group(
    "Display:",
    option("--json", "events as lines of JSON on standard error, for machines; a plan as JSON"),
    option("-q, --quiet", "only errors"),
  )
  group(
    "Plan:",
    option("--dry-run", "simulate the run: tokens, dollars, time; spend nothing"),
    positive("--answer-tokens <n>", "length of an answer (default: --max-output-tokens, or 256)").argParser(
      positiveInteger,
    ),
    option("--latency-ms <ms>", "until the first token (default: 600)").argParser(nonNegative),
    option("--token-ms <ms>", "for each token of an answer (default: 15)").argParser(nonNegative),
  )
  return command
}

export function positiveNumber(text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0 && text.trim() !== "") return value
  throw new InvalidArgumentError("Wanted a number above 0.")
}

export function nonNegative(text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value >= 0 && text.trim() !== "") return value
  throw new InvalidArgumentError("Wanted 0 or a number above.")
}

export function positiveInteger(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError("Wanted a whole number above 0.")
}

function encoding(text: string): string {
  try {
    return new TextDecoder(text).encoding
  } catch {
    throw new InvalidArgumentError("Wanted an encoding such as utf-8, windows-1252, utf-16le or shift_jis.")
  }
}

function temperature(text: string): number {
  const value = Number(text)
  if (text.trim() !== "" && value >= 0 && value <= 2) return value
  throw new InvalidArgumentError("Wanted a number from 0 to 2.")
}

function addCondition(text: string, before: readonly Condition[] = []): readonly Condition[] {
  const condition = parseCondition(text)
  if (!condition) throw new InvalidArgumentError("Wanted field=value or field!=value.")
  return [...before, condition]
}

function addParam(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf("=")
  if (at < 1) throw new InvalidArgumentError("Wanted name=value.")
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}
