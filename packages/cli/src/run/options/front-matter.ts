import { dirname, isAbsolute, join } from "node:path"
import { type Clock, SluiceError } from "@sluice/core"
import { Command, CommanderError } from "commander"
import { smallText } from "../../files/small-text.ts"
import { isWithin } from "../../input/expand-inputs.ts"
import { isDeeper, maxNesting } from "../../input/read-json.ts"
import { lostNumber } from "../../model/request-options.ts"
import { usageError } from "../../usage-error.ts"
import { addRunOptions, type RunCommandOptions } from "./run-options.ts"

/**
 * What a prompt file may say: what is asked and of which model. Not where calls go, what is read and what runs: a prompt may be
 * somebody else's.
 */
const sayable = [
  "--model",
  "--system",
  "--schema",
  "--param",
  "--max-output-tokens",
  "--temperature",
  "--top-p",
  "--model-seed",
  "--stop",
  "--reasoning-effort",
  "--option",
  "--answer-tokens",
  "--accept-truncated",
]

/** The options with those that `--prompt-file` begins with, which those of the command line go before. */
export async function withFrontMatter(options: RunCommandOptions, clock: Clock): Promise<RunCommandOptions> {
  const { promptFile: [file, other] = [], prompt } = options
  // Several are read one by one, each with its own.
  if (file === undefined || other !== undefined || prompt !== undefined) return options
  // Read once: a pipe has nothing left for a second reader.
  const text = await smallText(file, { what: `--prompt-file ${file}`, clock })
  const { promptFile: _read, ...given } = options
  const found = parts(text)
  if (!found) return { ...given, prompt: text }
  const { parse } = await import("yaml")
  let said: unknown
  try {
    said = parse(found.yaml) ?? {}
  } catch (error) {
    throw usageError(
      `--prompt-file ${file}: its front matter is not YAML (${(error as Error).message.split("\n")[0]}).`,
    )
  }
  // YAML can refer to itself, and then it has no end.
  if (isDeeper(said, maxNesting))
    throw usageError(`--prompt-file ${file}: its front matter is nested more than ${maxNesting} deep, or holds itself.`)
  // Two lines of dashes with words between are a text.
  if (typeof said !== "object" || said === null || Array.isArray(said)) return { ...given, prompt: text }
  const matter = optionsIn(said as Readonly<Record<string, unknown>>, file)
  const own = { param: { ...matter.param, ...options.param }, option: { ...matter.option, ...options.option } }
  return {
    ...matter,
    ...given,
    ...(Object.keys(own.param).length > 0 && { param: own.param }),
    ...(Object.keys(own.option).length > 0 && { option: own.option }),
    ...(given.systemFile !== undefined && { system: given.system }),
    prompt: found.text,
  }
}

function parts(text: string): { readonly yaml: string; readonly text: string } | undefined {
  const found = /^---[ \t]*\r?\n([\s\S]*?)(?:^|\n)---[ \t]*(?:\r?\n|$)/.exec(text)
  return found ? { yaml: found[1] ?? "", text: text.slice(found[0].length) } : undefined
}

/** As if each had been given as an option, so that it means the same and is checked alike. */
function optionsIn(said: Readonly<Record<string, unknown>>, file: string): Partial<RunCommandOptions> {
  const name = `--prompt-file ${file}: front matter`
  const command = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  for (const option of addRunOptions(new Command()).options) {
    if (sayable.includes(option.long ?? "")) command.addOption(option)
  }
  try {
    command.parse(
      Object.entries(said).flatMap(([key, value]) => argumentsOf(key, value)),
      { from: "user" },
    )
  } catch (error) {
    if (SluiceError.isInstance(error)) throw usageError(`${name}: ${error.message}`)
    if (!(error instanceof CommanderError)) throw error
    const known = sayable.map((option) => option.slice(2)).join(", ")
    throw usageError(`${name}: ${wordsOf(error)} It may say: ${known}.`)
  }
  const options = command.opts<Partial<RunCommandOptions>>()
  if (options.schema === undefined) return options
  const schema = join(dirname(file), options.schema)
  if (isAbsolute(options.schema) || !isBeside(dirname(file), schema))
    throw usageError(`${name}: schema: wanted a file in the folder of the prompt, got ${options.schema}.`)
  return { ...options, schema }
}

function wordsOf({ message }: CommanderError): string {
  return message
    .replace(/^error: /, "")
    .replace(/unknown option '--([^'=]*)[^']*'/, 'unknown option "$1".')
    .replaceAll("\n", " ")
}

function isBeside(folder: string, file: string): boolean {
  try {
    return isWithin(folder, file)
  } catch {
    // It is not there, which is told when it is read.
    return !file.includes("..")
  }
}

function argumentsOf(key: string, value: unknown): string[] {
  // JSON would write null for it.
  if (typeof value !== "string" && lostNumber(value) !== undefined)
    throw usageError(`${key}: wanted a number, got ${lostNumber(value)}, which is none that a request can hold.`)
  if (value === true) return [`--${key}`]
  if (value === false || value === null) return []
  if (Array.isArray(value)) return value.flatMap((one) => argumentsOf(key, one))
  if (typeof value !== "object") return [`--${key}=${typeof value === "string" ? value : JSON.stringify(value)}`]
  return Object.entries(value).map(
    ([name, one]) => `--${key}=${name}=${typeof one === "string" ? one : JSON.stringify(one)}`,
  )
}
