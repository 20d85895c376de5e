import { Command, CommanderError, InvalidArgumentError, Option } from "commander"
import { UsageError } from "./usage-error.ts"

/** What the command line asks for. */
export interface DemoOptions {
  /** Files, folders and globs; none means the READMEs of the installed dependencies. */
  readonly inputs: readonly string[]
  readonly model?: string
  readonly baseUrl?: string
  readonly rpm?: number
  readonly tpm?: number
  readonly limit?: number
  readonly out: string
  readonly jsonLines: boolean
}

/** Reads the command line. Throws a `UsageError` of one line; answers `undefined` when help was asked for and printed. */
export function parseOptions(args: readonly string[]): DemoOptions | undefined {
  const command = new Command("pnpm demo")
    .description("Summarises documents, many at once, under a vendor's quota. Without an API key: a simulated vendor.")
    .argument("[inputs...]", "files, folders, globs (default: every README of the installed dependencies)")
    .addOption(new Option("--model <name>", "the model (default: a small one of the vendor)"))
    .addOption(new Option("--base-url <url>", "an OpenAI-compatible server").argParser(httpUrl))
    .addOption(
      new Option("--rpm <n>", "requests per minute (default: 600 for the simulated vendor, else learned)").argParser(
        count,
      ),
    )
    .addOption(
      new Option("--tpm <n>", "tokens per minute (default: 400000 for the simulated vendor, else learned)").argParser(
        count,
      ),
    )
    .addOption(
      new Option("--limit <n>", "documents at most (default: 250; 20 where calls cost money)").argParser(count),
    )
    .addOption(new Option("--out <folder>", "where report.md and results.jsonl go").default("summaries"))
    .addOption(new Option("--json-lines", "print each result as a JSON line").default(false))
    .addHelpText(
      "after",
      "\nKeys are read from OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, in this order.\n" +
        "Exit codes: 0 done, 1 some documents failed, 2 bad usage, 130 stopped by Ctrl-C.",
    )
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
  try {
    command.parse(args, { from: "user" })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return undefined
    throw new UsageError(error.message.replace(/^error: /, "").replaceAll("\n", " "))
  }
  return { inputs: command.args, ...command.opts<Omit<DemoOptions, "inputs">>() }
}

function count(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError(`A whole number from 1 up is wanted, got ${text}.`)
  return value
}

function httpUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new InvalidArgumentError(`An http or https address is wanted, got ${text}.`)
  }
  return text
}
