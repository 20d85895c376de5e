import { Argument, Command, Option } from "commander"
import { completionScript, type Shell, shells } from "./commands/completion-script.ts"
import type { DiffOptions } from "./commands/diff-command.ts"
import type { ExportOptions, InspectOptions, JournalCommandOptions } from "./commands/journal-commands.ts"
import type { QuotaCommandOptions } from "./commands/quota-command.ts"
import { displayKeys } from "./help/display-keys.ts"
import { addLabOptions, type LabOptions } from "./commands/lab-options.ts"
import { addRunOptions, type RunCommandOptions, uiOption } from "./run/options/run-options.ts"
import { positiveInteger, positiveNumber } from "./run/options/option-values.ts"
import type { WorkerCommandOptions } from "./workers/worker-command.ts"
import { printableText } from "./display/printable.ts"
import type { Terminal } from "./display/terminal.ts"
import { packageVersion } from "./package-version.ts"

const examples = `
Examples:
  $ sluice run prompts.jsonl --prompt "Summarise: {{text}}" --model openai:gpt-5-mini --out results.jsonl
  $ sluice run reviews.csv -p "Is this kind? {{review}}" -m lab: -o kind.jsonl     (no key needed)
  $ sluice plan prompts.jsonl -p "Summarise: {{text}}" -m openai:gpt-5-mini        (spends nothing)

Pages by task, each with examples: sluice help

Stop a run with Ctrl-C; give the same command again and it goes on where it was.

Exit codes: 0 all done · 1 some failed · 2 bad usage or input · 3 stopped by budget, quota or deadline · 4 answers fail a check · 130 interrupted
`

/** The whole command line; commands load what they need when they run. `exit` gets the code of the command that ran. */
export function createProgram(terminal: Terminal, exit: (code: number) => void): Command {
  const program = new Command("sluice")
    .description("Thousands of LLM calls, as fast as the vendor's quota allows; every input comes back once.")
    .version(packageVersion(), "-v, --version")
    .addHelpText("after", examples)
    .helpCommand(false)
    .exitOverride()
    // Ours know what options mean.
    .showSuggestionAfterError(false)
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, "sluice: ")),
      writeErr: (text) => void terminal.stderr.write(printableText(text)),
    })

  const journalOption = (): Option => new Option("--journal <file>", "where the run is recorded (default: RUN.journal)")
  addRunOptions(
    program
      .command("run")
      .description("ask a model about every input")
      .argument("[input...]", "files, a folder, globs, or - for standard input")
      .usage("<input...> [options]"),
  )
    .addHelpText("after", `${examples}\n${displayKeys}.\n`)
    .action(async (inputs: string[], options: RunCommandOptions) =>
      exit(await (await import("./run/run-command.ts")).runCommand(inputs, options, terminal)),
    )

  addRunOptions(
    program
      .command("plan")
      .description("what a run would send, cost and take")
      .argument("[input...]", "as for run")
      .usage("<input...> [options]"),
  ).action(async (inputs: string[], options: RunCommandOptions) =>
    exit(await (await import("./run/run-command.ts")).runCommand(inputs, { ...options, dryRun: true }, terminal)),
  )

  program
    .command("ps")
    .description("what you run on this machine")
    .option("--json", "a line of JSON per run")
    .action(async (options: JournalCommandOptions) =>
      exit(await (await import("./watch/ps-command.ts")).psCommand(options, terminal)),
    )

  program
    .command("attach")
    .description("the display of a run that goes on; Ctrl-C leaves it alone")
    .argument("[run]", "its result file, name or process (default: the only one)")
    .addOption(journalOption())
    .action(async (run: string | undefined, options: { journal?: string }) =>
      exit(await (await import("./watch/attach-command.ts")).attachCommand(run, options, terminal)),
    )

  program
    .command("runs")
    .description("list recorded runs")
    .argument("[journal...]", "journals, or the results beside them (default: *.journal here)")
    .option("--json", "a line of JSON per run")
    .action(async (paths: string[], options: JournalCommandOptions) =>
      exit(await (await import("./commands/journal-commands.ts")).runsCommand(paths, options, terminal)),
    )

  program
    .command("inspect")
    .description("items, attempts, errors and cost of a run")
    .argument("[run]", "a run's name or its result file (default: the only one of --journal)")
    .addOption(journalOption())
    .option("--failed", "only items that failed")
    .option("--key <key>", "one item by its key, or its number from 0: prompt, answer, attempts, waits")
    .addOption(new Option("--limit <n>", "items shown").argParser(positiveInteger).default(20))
    .option("--json", "a line of JSON per item")
    .addOption(uiOption().conflicts(["json", "key", "failed"]))
    .action(async (run: string | undefined, options: InspectOptions) =>
      exit(await (await import("./commands/journal-commands.ts")).inspectCommand(run, options, terminal)),
    )

  program
    .command("diff")
    .description("what two runs answered otherwise, item by item; exit code 1 when something differs")
    .argument("<run-a>", "a run's result file")
    .argument("<run-b>", "another's")
    .addOption(new Option("--limit <n>", "differences shown").argParser(positiveInteger).default(20))
    .option("--json", "a line of JSON per difference")
    .action(async (a: string, b: string, options: DiffOptions) =>
      exit(await (await import("./commands/diff-command.ts")).diffCommand([a, b], options, terminal)),
    )

  program
    .command("export")
    .description("every item of a run, on standard output")
    .argument("[run]", "a run's name or its result file (default: the only one of --journal)")
    .addOption(journalOption())
    .addOption(new Option("--format <format>").choices(["jsonl", "csv", "parquet"]).default("jsonl"))
    .addOption(new Option("--status <status>", "only these").choices(["ok", "failed"]))
    .action(async (run: string | undefined, options: ExportOptions) =>
      exit(await (await import("./commands/journal-commands.ts")).exportCommand(run, options, terminal)),
    )

  addLabOptions(
    program.command("lab").description("a simulated vendor on this machine, to try throttling without a key"),
  ).action(async (options: LabOptions) =>
    exit(await (await import("./commands/lab-command.ts")).labCommand(options, terminal)),
  )

  const quota = program.command("quota").description("quotas that processes share over Redis")
  const redisOption = (about = "where they are kept"): Option =>
    new Option("--redis <url>", about).makeOptionMandatory()
  const quotaCommand = async (): Promise<typeof import("./commands/quota-command.ts")> =>
    import("./commands/quota-command.ts")
  quota
    .command("show")
    .description("limits, levels, gate, and who shares each")
    .addOption(redisOption())
    .option("--json", "a line of JSON per quota")
    .action(async (options: QuotaCommandOptions) => exit(await (await quotaCommand()).showQuotas(options, terminal)))
  quota
    .command("watch")
    .description("the same each second, until Ctrl-C")
    .addOption(redisOption())
    .option("--json", "lines of JSON")
    .action(async (options: QuotaCommandOptions) => exit(await (await quotaCommand()).watchQuotas(options, terminal)))
  quota
    .command("set")
    .description("a limit for all who share a quota, at once; 0 takes it back")
    .argument("<quota>", "its name or tag, as show tells it")
    .argument("<limit=n...>", "for example requestsPerMinute=500 concurrency=20")
    .addOption(redisOption())
    .action(async (name: string, limits: string[], options: QuotaCommandOptions) =>
      exit(await (await quotaCommand()).setQuota(name, limits, options, terminal)),
    )

  program
    .command("worker")
    .description("does items for other processes until SIGTERM: of a flow's batches, or of sluice run --workers")
    .argument("[module]", "a .ts or .js file that exports the flow (default: the items of sluice run --workers)")
    .argument("[name]", "the export (default: the default one, else the first flow)")
    .addOption(redisOption("where the items are queued"))
    .option("--base-url <url...>", "where runs may have it ask with its keys, besides the vendors' own addresses")
    .addOption(new Option("--concurrency <n>", "items at a time (default: 128)").argParser(positiveInteger))
    .addOption(
      new Option("--lock-s <seconds>", "so long silent, its items go to others (default: 30)").argParser(
        positiveNumber,
      ),
    )
    .option("--config <file>", "a file beside which .env has keys (default: the working folder)")
    .option("--json", "events as lines of JSON on standard error")
    .action(async (file: string | undefined, name: string | undefined, options: WorkerCommandOptions) =>
      exit(await (await import("./workers/worker-command.ts")).workerCommand(file, name, options, terminal)),
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
    .command("help")
    .description("pages by task, each with examples that run")
    .addArgument(new Argument("[page]", "one of them, or a command"))
    .action(async (page: string | undefined) => {
      const { helpText } = await import("./help/help-command.ts")
      terminal.stdout.write(helpText(program, page))
    })

  program
    .command("completion")
    .description("a completion script for your shell: source <(sluice completion bash)")
    .addArgument(new Argument("<shell>").choices(shells))
    .action(async (shell: Shell) => {
      const { names } = await import("./help/help-command.ts")
      terminal.stdout.write(`${completionScript(program, shell, names())}\n`)
    })

  return program
}
