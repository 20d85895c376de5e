import { type Command, Option } from "commander"
import type { VariantsOptions } from "../../variants/compile-variants.ts"
import { reasoningEfforts } from "../../model/request-options.ts"
import { duration, lanes } from "../../lane/lane-option.ts"
import type { Condition } from "../../input/condition.ts"
import { type InputFormat, inputFormats } from "../../input/input-formats.ts"
import {
  positiveNumber,
  oneOrMore,
  seconds,
  positiveInteger,
  wholeUpTo,
  failureCodes,
  names,
  encoding,
  wholeNumber,
  upTo,
  addText,
  addRequestOption,
  addCheck,
  addCondition,
  addParam,
  notEmpty,
  port,
} from "./option-values.ts"

/** `sluice run` and `sluice plan` as commander hands them over. */
export interface RunCommandOptions extends VariantsOptions {
  /** Several are compared. */
  readonly model?: readonly string[]
  readonly baseUrl?: string
  readonly config?: string
  readonly out?: string
  readonly format?: InputFormat
  readonly formatOut?: "jsonl" | "openai-batch"
  readonly encoding?: string
  readonly delimiter?: string
  readonly only?: readonly string[]
  readonly where?: readonly Condition[]
  readonly skip?: number
  readonly sample?: number
  readonly seed?: number
  readonly limit?: number
  readonly key?: string
  readonly fields?: readonly string[]
  readonly followLinks?: boolean
  /** The one input, where it is a folder. */
  readonly folder?: string
  readonly asCompleted?: boolean
  readonly journal?: string | false
  readonly cache?: boolean
  /** `true`: whatever they failed of; else these codes. */
  readonly retryFailed?: true | readonly string[]
  readonly maxFailures?: number
  readonly keepGoing?: boolean
  readonly assert?: readonly string[]
  readonly acceptTruncated?: boolean
  readonly acceptChanges?: boolean
  readonly takeOver?: boolean
  readonly dryRun?: boolean
  readonly show?: number
  readonly json?: boolean
  readonly quiet?: boolean
  /** A page in the browser; at this port it is only served. */
  readonly ui?: true | number
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
  readonly redis?: string
  readonly workers?: boolean
  readonly answerTokens?: number
  readonly latencyMs?: number
  readonly tokenMs?: number
}

const dayMs = 86_400_000

/** Adds the options to `command`, in groups that the help shows. */
export function addRunOptions(command: Command): Command {
  const group = (heading: string, ...options: Option[]): void => {
    for (const option of options) command.addOption(option.helpGroup(heading))
  }
  const option = (flags: string, description: string): Option => new Option(flags, description)
  const file = (flags: string, description: string): Option =>
    option(flags, description).argParser(notEmpty("the name of a file"))
  const positive = (flags: string, description: string): Option => option(flags, description).argParser(positiveNumber)
  group(
    "Question:",
    option("-p, --prompt <text>", "what to ask about each input; {{field}} is filled in").argParser(notEmpty("a text")),
    option("--prompt-file <files...>", "the prompt, from a file; several are compared"),
    option("-s, --system <text>", "system prompt, also with {{field}}").argParser(notEmpty("a text")),
    file("--system-file <file>", "the system prompt, from a file"),
    file("--messages <file>", 'several messages: a JSON list of {"role", "content"}'),
    file("--schema <file>", "JSON schema: answers are objects that fit it"),
    option(
      "--attach <path>",
      "a picture, PDF or sound for each input, {{field}} is filled in: 'images/{{id}}.png' (repeatable)",
    ).argParser(addText),
    option("--param <name=value>", "a value for {{name}} (repeatable)").argParser(addParam),
    positive("--max-output-tokens <n>", "cut answers at so many tokens").argParser(positiveInteger),
    option("--temperature <t>", "0 to 2").argParser(upTo(2)),
    option("--top-p <p>", "0 to 1").argParser(upTo(1)),
    option("--model-seed <n>", "the same answers for the same seed, where the model can").argParser(wholeNumber),
    option("--stop <text>", "an answer ends before this text (repeatable)").argParser(addText),
    option("--reasoning-effort <effort>", "how long a reasoning model thinks").choices(reasoningEfforts),
    option(
      "--option <name=value>",
      "a field of the request as the vendor names it, the value as JSON (repeatable)",
    ).argParser(addRequestOption),
    option(
      "--assert <check>",
      "what answers should be: 'contains TEXT', 'matches REGEX', 'equals {{label}}', 'json PATH >= 3', ./check.ts (repeatable)",
    ).argParser(addCheck),
    option(
      "--accept-truncated",
      "take answers that were cut, withheld, refused or are empty: finishReason tells which",
    ),
  )
  group(
    "Model:",
    option(
      "-m, --model <vendor:model>",
      "openai:…, anthropic:…, google:…, openai-compatible:…, lab: (simulated, no key), noop:; several (repeatable) are compared",
    ).argParser(addText),
    option("--base-url <url>", "where an openai-compatible server (or a gateway) listens").argParser(
      notEmpty("an address"),
    ),
    option(
      "--lane <lane>",
      "batch: by the vendor's batch API at half the price, within a day; auto: so until --deadline nears",
    ).choices(lanes),
    option(
      "--deadline <duration>",
      "2h, 90m: then nothing more is asked; with --lane auto, what is missing goes online (from the first command of a run)",
    ).argParser(duration),
    file("--config <file>", "models, limits, prices and lane (default: sluice.config.ts or .json here)"),
  )
  group(
    "Limits (none: learned from the vendor's answers):",
    option("--rpm <n>", "requests a minute").argParser(oneOrMore),
    option("--tpm <n>", "tokens a minute").argParser(oneOrMore),
    option("--itpm <n>", "input tokens a minute").argParser(oneOrMore),
    option("--otpm <n>", "output tokens a minute").argParser(oneOrMore),
    option("--rpd <n>", "requests a day").argParser(oneOrMore),
    option("--concurrency <n>", "calls in flight").argParser(positiveInteger),
    positive("--budget-usd <dollars>", "stop when so much is spent"),
    option("--attempts <n>", "tries at an answer that fits the schema").argParser(wholeUpTo(100)).default(3),
    option("--timeout-s <seconds>", "for one call").argParser(seconds),
    option("--redis <url>", "share these limits with every process that does so on that Redis").argParser(
      notEmpty("an address"),
    ),
    option("--workers", "have the calls made by the processes that run sluice worker on that Redis, with their keys"),
  )
  group(
    "Input and output:",
    option(
      "-o, --out <file>",
      "one line of JSON per input, a table (results.csv, results.parquet) or a list (results.json); - is standard output",
    )
      .argParser(notEmpty("the name of a file"))
      .default("-"),
    option("--format <format>", "of the inputs (default: by their names; standard input: jsonl)").choices(inputFormats),
    option(
      "--format-out <format>",
      "of the results; openai-batch: of an OpenAI batch file, as OpenAI writes them",
    ).choices(["jsonl", "openai-batch"]),
    option("--encoding <name>", "of the inputs, for example windows-1252 (default: utf-8)").argParser(encoding),
    option("--delimiter <text>", "what parts the columns of a table (default: as its first line has it)").argParser(
      (text: string) => (text === String.raw`\t` ? "\t" : notEmpty("a character")(text)),
    ),
    option("--only <keys...>", "only the inputs of these keys (without --key: numbers from 0)"),
    option("--where <field=value>", "only inputs whose field is so, or (!=) is not (repeatable)").argParser(
      addCondition,
    ),
    option("--skip <n>", "without the first n inputs").argParser(positiveInteger),
    option("--sample <n>", "n inputs drawn at random, the same ones for the same --seed").argParser(positiveInteger),
    option("--seed <n>", "for --sample (default: 1)").argParser(positiveInteger),
    option("--limit <n>", "only the first n inputs, of what the options before leave").argParser(positiveInteger),
    option("--key <field>", "a field that names each input: then results follow it when lines move").argParser(
      notEmpty("the name of a field"),
    ),
    option(
      "--fields <names>",
      "what a line holds: index, key, input, output, attempts, inputTokens, outputTokens, usd, finishReason, model, requestId, latencyMs, waitedMs, failedChecks, raw (as the vendor sent it), or input fields",
    ).argParser(names("names of fields")),
    option("--follow-links", "let globs follow links out of their folder"),
    option("--as-completed", "lines in the order of completion, not of input"),
  )
  group(
    "Journal:",
    option("--journal <file>", "where the run is recorded (default: beside --out)").argParser(
      notEmpty("the name of a file"),
    ),
    option("--no-journal", "do not keep a record: the run cannot be resumed"),
    option("--cache", "answer identical requests from the journal"),
    option(
      "--retry-failed [codes]",
      "ask again what failed in an earlier run: all of it, or answer-truncated,timeout,…",
    ).argParser(failureCodes),
    option("--max-failures <n>", "stop once so many inputs have failed; the others stay open").argParser(
      positiveInteger,
    ),
    option("--keep-going", "do not stop when the first 20 calls are all refused for one reason"),
    option("--accept-changes", "ask everything again, where the prompt, model or schema differ from the earlier run"),
    option("--take-over", "resume a run whose process was on another machine and is gone"),
  )
  group(
    "Display:",
    option("--json", "events as lines of JSON on standard error, for machines; a plan as JSON"),
    option("-q, --quiet", "only errors"),
    uiOption(),
  )
  group(
    "Plan:",
    option("--show <n>", "print the prompts of the first n inputs with their tokens; ask nothing").argParser(
      positiveInteger,
    ),
    option("--dry-run", "simulate the run: tokens, dollars, time; spend nothing"),
    positive("--answer-tokens <n>", "length of an answer (default: --max-output-tokens, or 256)").argParser(
      positiveInteger,
    ),
    option("--latency-ms <ms>", "until the first token (default: 600)").argParser(upTo(dayMs)),
    option("--token-ms <ms>", "for each token of an answer (default: 15)").argParser(upTo(dayMs)),
  )
  return command
}

/** `--ui` opens a browser; `--ui 7000` serves there. */
export function uiOption(): Option {
  return new Option("--ui [port]", "a live page in the browser; with a port it is only served there").argParser(port)
}
