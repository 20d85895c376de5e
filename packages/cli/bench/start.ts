/**
 * `pnpm build && pnpm bench:start [--rounds=15]`: how long the built command takes until it has told its version, and until its first
 * call is at the vendor. Processes in turn, each kind `rounds` times. Writes docs/benchmarks/start.md.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { machineLine } from "../../lab/bench/machine.ts"
import { median } from "../../lab/bench/overhead/results.ts"

interface Started {
  readonly what: string
  readonly args: readonly string[]
  /** Until the first call arrives; else until the end. */
  readonly isCall: boolean
  readonly atMostMs?: number
}

const { values } = parseArgs({ options: { rounds: { type: "string", default: "15" } } })
const root = path.join(import.meta.dirname, "../../..")
const main = path.join(root, "packages/cli/dist/main.js")
if (!existsSync(main)) throw new Error("the command is not built: pnpm build")
const machine = machineLine()
const folder = mkdtempSync(path.join(tmpdir(), "sluice-start-"))
const answer = {
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "x",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "ok" } }],
  usage: { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 },
}
let arrivedMs: number | undefined
const server = createServer((request, response) => {
  arrivedMs ??= performance.now()
  request.resume()
  response.setHeader("content-type", "application/json")
  response.end(JSON.stringify(answer))
})
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
const { port } = server.address() as AddressInfo

// Each process writes down what it has used of the processor: on a busy machine its time tells little.
const used = path.join(folder, "used.txt")
const telling = path.join(folder, "telling.mjs")
writeFileSync(
  telling,
  `import { writeFileSync } from "node:fs"
process.on("exit", () => writeFileSync(${JSON.stringify(used)}, String(Object.values(process.cpuUsage()).reduce((a, b) => a + b) / 1000)))`,
)
writeFileSync(path.join(folder, "in.jsonl"), '{"text":"one"}\n{"text":"two"}\n')
writeFileSync(path.join(folder, "in.csv"), "text\none\ntwo\n")
const model = ["--model", "openai-compatible:x", "--base-url", `http://127.0.0.1:${port}/v1`]
const run = (input: string): string[] => [main, "run", input, "-p", "Say {{text}}", ...model, "-o", "out.jsonl"]
const kinds: readonly Started[] = [
  { what: "Node that runs nothing", args: ["-e", "0"], isCall: false },
  { what: "`sluice --version`", args: [main, "--version"], isCall: false, atMostMs: 150 },
  { what: "`sluice run --help`", args: [main, "run", "--help"], isCall: false },
  { what: "`sluice run in.jsonl` to the first call", args: run("in.jsonl"), isCall: true, atMostMs: 700 },
  { what: "`sluice run in.csv` to the first call", args: run("in.csv"), isCall: true, atMostMs: 700 },
]

async function timesOf({ args, isCall }: Started): Promise<readonly [wallMs: number, processorMs: number]> {
  for (const name of ["out.jsonl", "out.jsonl.journal"]) rmSync(path.join(folder, name), { force: true })
  arrivedMs = undefined
  const began = performance.now()
  const child = spawn(process.execPath, ["--import", pathToFileURL(telling).href, ...args], {
    cwd: folder,
    stdio: "ignore",
  })
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve))
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}`)
  if (isCall && arrivedMs === undefined) throw new Error("no call arrived")
  return [(isCall ? arrivedMs! : performance.now()) - began, Number(readFileSync(used, "utf8"))]
}

const times = kinds.map(() => [] as (readonly [number, number])[])
try {
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [at, kind] of kinds.entries()) times[at]!.push(await timesOf(kind))
  }
} finally {
  server.close()
  rmSync(folder, { recursive: true, force: true })
}

const ms = (value: number): string => `${value.toFixed(0)} ms`
const leastOf = (at: number, which: 0 | 1): number => Math.min(...times[at]!.map((each) => each[which]))
const rows = kinds.map(({ what, atMostMs }, at) => {
  // The bound of the version is over bare Node, that of a run is the whole.
  const bound = atMostMs === undefined ? "" : at === 1 ? `${atMostMs} ms above Node` : `${atMostMs} ms`
  const wall = [ms(leastOf(at, 0)), ms(median(times[at]!.map(([each]) => each)))]
  const processor = leastOf(at, 1)
  return `| ${[what, ...wall, ms(processor), at === 0 ? "" : ms(processor - leastOf(0, 1)), bound].join(" | ")} |`
})
const page = `# How fast the command begins

${machine}.

Written by \`pnpm build && pnpm bench:start --rounds=${values.rounds}\`: the command as it is published, processes in turn, each kind ${values.rounds} times, against a server
on loopback. Where the load average is above the number of cores, most of the time is waiting for other programs, and what the process uses of
the processor (until its end) is the better figure.

| | time, least | median | processor, least | above bare Node | wanted |
|---|---:|---:|---:|---:|---:|
${rows.join("\n")}

What is loaded is held by a test, not by a clock: \`packages/cli/test/usage/loaded.test.ts\` lists the packages that a command loads. The version
and the help load no calls, journals or schemas; a run loads tables, tags in prompts, plans and vendors' packages when it has some.
`
writeFileSync(path.join(root, "docs/benchmarks/start.md"), page)
process.stdout.write(page)
