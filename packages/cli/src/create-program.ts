import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Argument, Command, Option } from "commander"
import { completionScript, type Shell, shells } from "./commands/completion-script.ts"
import type { ExportOptions, InspectOptions, JournalOptions } from "./commands/journal-commands.ts"
import { addLabOptions, type LabOptions } from "./commands/lab-options.ts"
import { addRunOptions, positiveInteger, type RunOptions } from "./run/run-options.ts"
import { printableText } from "./display/printable.ts"
import type { Terminal } from "./display/terminal.ts"

const examples = `
Examples:
  $ sluice run prompts.jsonl --prompt "Summarise: {{text}}" --model openai:gpt-5-mini --out results.jsonl
  $ sluice run reviews.csv -p "Is this kind? {{review}}" -m lab: -o kind.jsonl     (no key needed)
  $ sluice plan prompts.jsonl -p "Summarise: {{text}}" -m openai:gpt-5-mini        (spends nothing)

Stop a run with Ctrl-C; give the same command again and it goes on where it was.

Exit codes: 0 all done · 1 some failed · 2 bad usage or input · 3 stopped by budget or quota · 130 interrupted
`

function packageVersion(): string {
  // One folder up, from `src` as from `dist`.
  const text = readFileSync(join(import.meta.dirname, "../package.json"), "utf8")
  return (JSON.parse(text) as { version: string }).version
}

/** The whole command line; commands load what they need when they run. `exit` gets the code of the command that ran. */
export function createProgram(terminal: Terminal, exit: (code: number) => void): Command {
  const program = new Command("sluice")
    .description("Thousands of LLM calls, as fast as the vendor's quota allows; every input comes back once.")
    .version(packageVersion(), "-v, --version")
    .addHelpText("after", examples)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(printableText(text)),
    })

  addRunOptions(
    program
      .command("run")
      .description("ask a model about every input")
      .argument("<input...>", "files, globs, or - for standard input"),
  )
    .addHelpText("after", examples)
    .action(async (inputs: string[], options: RunOptions) =>
      exit(await (await import("./run/run-command.ts")).runCommand(inputs, options, terminal)),
    )

  addRunOptions(
    program.command("plan").description("what a run would send, cost and take").argument("<input...>", "as for run"),
  ).action(async (inputs: string[], options: RunOptions) =>
    exit(await (await import("./run/run-command.ts")).runCommand(inputs, { ...options, dryRun: true }, terminal)),
  )

  program
    .command("runs")
    .description("list recorded runs")
    .argument("[journal...]", "journal files (default: *.journal here)")
    .option("--json", "a line of JSON per run")
    .action(async (paths: string[], options: JournalOptions) =>
      exit(await (await import("./commands/journal-commands.ts")).runsCommand(paths, options, terminal)),
    )

  const journalOption = (): Option => new Option("--journal <file>", "where the run is recorded (default: RUN.journal)")
  program
    .command("inspect")
    .description("items, attempts, errors and cost of a run")
    .argument("<run>", "a run's name or its result file")
    .addOption(journalOption())
    .option("--failed", "only items that failed")
    .addOption(new Option("--limit <n>", "items shown").argParser(positiveInteger).default(20))
    .option("--json", "a line of JSON per item")
    .action(async (run: string, options: InspectOptions) =>
      exit(await (await import("./commands/journal-commands.ts")).inspectCommand(run, options, terminal)),
    )

  program
    .command("export")
    .description("every item of a run, on standard output")
    .argument("<run>", "a run's name or its result file")
    .addOption(journalOption())
    .addOption(new Option("--format <format>").choices(["jsonl", "csv"]).default("jsonl"))
    .addOption(new Option("--status <status>", "only these").choices(["ok", "failed"]))
    .action(async (run: string, options: ExportOptions) =>
      exit(await (await import("./commands/journal-commands.ts")).exportCommand(run, options, terminal)),
    )

  addLabOptions(
    program.command("lab").description("a simulated vendor on this machine, to try throttling without a key"),
  ).action(async (options: LabOptions) =>
    exit(await (await import("./commands/lab-command.ts")).labCommand(options, terminal)),
  )

  program
    .command("graph")
    .description("a flow as a Mermaid flowchart")
    .argument("<module>", "a .ts or .js file that exports the flow")
    .argument("[name]", "the export (default: the default one, else the first flow)")
    .option("--json", "the graph as JSON")
    .action(async (file: string, name: string | undefined, options: { json?: boolean }) =>
      exit(await (await import("./commands/graph-command.ts")).graphCommand(file, name, options, terminal)),
    )

  program
    .command("completion")
    .description("a completion script for your shell: source <(sluice completion bash)")
    .addArgument(new Argument("<shell>").choices(shells))
    .action((shell: Shell) => void terminal.stdout.write(`${completionScript(program, shell)}\n`))

  return program
}
