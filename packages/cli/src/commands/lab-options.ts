import { InvalidArgumentError, Option, type Command } from "commander"
import { nonNegative, port, positiveInteger, positiveNumber } from "../run/options/option-values.ts"

const windows = ["bucket", "slices", "sliding", "fixed"] as const
const headers = ["openai", "anthropic", "rounded", "wrong", "none"] as const
const answers = ["extractive", "echo"] as const

export interface LabOptions {
  /** A file with options of `startVendor`. */
  readonly options?: string
  readonly port?: number
  readonly rpm?: number
  readonly tpm?: number
  readonly itpm?: number
  readonly otpm?: number
  readonly rpd?: number
  readonly window?: (typeof windows)[number]
  readonly concurrency?: number
  readonly headers?: (typeof headers)[number]
  readonly fault?: Readonly<Record<string, number>>
  readonly latencyMs?: number
  readonly tokenMs?: number
  readonly answer?: (typeof answers)[number]
  readonly seed?: number
}

/** The options of `sluice lab`: what most people try; a file has the rest. */
export function addLabOptions(command: Command): Command {
  const positive = (flags: string, what: string): Option => new Option(flags, what).argParser(positiveNumber)
  const options = [
    new Option("--options <file>", "everything startVendor takes, as JSON: schedules, co-tenants, batches, …"),
    new Option("--port <n>", "default 0: any free one").argParser(port),
    positive("--rpm <n>", "requests a minute it allows"),
    positive("--tpm <n>", "tokens a minute, input and output together"),
    positive("--itpm <n>", "input tokens a minute"),
    positive("--otpm <n>", "output tokens a minute"),
    positive("--rpd <n>", "requests a day"),
    new Option("--window <kind>", "how it counts a minute (default: bucket)").choices(windows),
    new Option("--concurrency <n>", "calls at once it allows").argParser(positiveInteger),
    new Option("--headers <kind>", "what its answers tell of the limits (default: openai)").choices(headers),
    new Option("--fault <kind=share>", "how many calls fail so, for instance error529=0.05; may be repeated").argParser(
      addFault,
    ),
    new Option("--latency-ms <ms>", "until the first token (default: 300)").argParser(nonNegative),
    new Option("--token-ms <ms>", "for each token (default: 10)").argParser(nonNegative),
    new Option("--answer <kind>", "default: extractive").choices(answers),
    new Option("--seed <n>", "same seed, same luck (default: 1)").argParser(nonNegative),
  ]
  for (const option of options) command.addOption(option)
  return command
}

function addFault(text: string, before: Record<string, number> = {}): Record<string, number> {
  const [kind = "", share = ""] = text.split("=")
  if (kind === "" || share.trim() === "" || !Number.isFinite(Number(share)))
    throw new InvalidArgumentError("Wanted KIND=SHARE, for instance error529=0.05.")
  return { ...before, [kind]: Number(share) }
}
