import { randomUUID } from "node:crypto"
import { closeSync, existsSync, mkdirSync, openSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { Random } from "@sluice/core"
import { openJournal } from "@sluice/journal"
import { parquetWriteBuffer } from "hyparquet-writer"
import { ended, fastProgram, linesOf, program, startTelling } from "../command/process.ts"
import { countingVendor, type Killed, killAndResume, repeatedWithoutCause } from "./kill-and-resume.ts"

/** One way to run the command, which is killed again and again. */
export interface ChaosCell {
  readonly lane: "online" | "batch" | "auto"
  readonly input: "jsonl" | "json" | "csv" | "tsv" | "parquet" | "lines" | "files" | "openai-batch"
  /** What the results are, besides lines of JSON in input order. */
  readonly output?: "as completed" | "openai-batch" | "two models"
}

const inputs = ["jsonl", "json", "csv", "tsv", "parquet", "lines", "files", "openai-batch"] as const

/** Every input online; every output; and each lane with the inputs that reach it by other ways. */
export const chaosCells: readonly ChaosCell[] = [
  ...inputs.map((input) => ({ lane: "online", input }) as const),
  { lane: "online", input: "jsonl", output: "as completed" },
  { lane: "online", input: "jsonl", output: "two models" },
  { lane: "online", input: "openai-batch", output: "openai-batch" },
  { lane: "batch", input: "jsonl" },
  { lane: "batch", input: "csv" },
  { lane: "batch", input: "openai-batch", output: "openai-batch" },
  { lane: "batch", input: "jsonl", output: "two models" },
  { lane: "auto", input: "jsonl" },
  { lane: "auto", input: "parquet" },
]

export function nameOf({ lane, input, output }: ChaosCell): string {
  return `${lane}, ${input}${output === undefined ? "" : `, ${output}`}`
}

export interface ChaosFigures {
  /** Of the kills, those that found the process running. */
  readonly hit: number
  readonly answers: number
  readonly lost: number
  readonly twice: number
  /** Another item's answer. */
  readonly wrong: number
  /** Calls, or requests in batches, beyond one for each answer. */
  readonly repeated: number
  /** Of these, those of items that were not in flight at a kill. */
  readonly unexplained: number
  readonly lastCode: number | null
}

export interface ChaosSizes {
  readonly items: number
  readonly kills: number
  readonly random: Random
}

const concurrency = 8
const prompt = (id: number): string => `Say word ${id}.`

/** Kills runs of one cell in `folder`, lets the last one finish, and counts what came of it. */
export async function runCell(cell: ChaosCell, folder: string, sizes: ChaosSizes): Promise<ChaosFigures> {
  const latency = { baseMs: cell.lane === "online" ? 20 : 0, perOutputTokenMs: 0 }
  const batch = { validatingMs: 20, processingMs: 200, finalizingMs: 20 }
  const { vendor, calls } = await countingVendor({ latency, batch })
  const models = cell.output === "two models" ? ["x", "y"] : ["x"]
  try {
    const args = [...inputArgs(cell, folder, sizes.items), ...modelArgs(cell, models, `${vendor.url}/v1`)]
    const limits = cell.lane === "online" ? ["--concurrency", String(concurrency)] : laneArgs(cell)
    const all = ["run", ...args, ...outputArgs(cell), ...limits, "--json"]
    const answers = sizes.items * models.length
    const main = cell.lane === "online" ? program : fastProgram
    const start = (stderr: number) => startTelling(all, folder, stderr, main)
    if (cell.lane === "online") {
      const { kills, last } = await killAndResume({
        ...sizes,
        start,
        vendor,
        items: answers,
        node: "run",
        afterKill,
      })
      const { arrived } = vendor.stats()
      // Prompts of two models are the same: each may be asked by both.
      const unexplained = models.length > 1 ? beyond(arrived - answers, kills) : unexplainedIn(calls, kills, cell)
      return {
        ...resultsIn(cell, folder, sizes.items, models),
        ...countOf(kills, arrived - answers, unexplained, last.code),
      }
    }
    // One batch is soon done: each time there are more inputs.
    const grow = (round: number): void => {
      inputArgs(cell, folder, Math.ceil((sizes.items * round) / (sizes.kills + 1)))
    }
    const { kills, last } = await killAtTimes(start, { ...sizes, grow, afterKill })
    const { arrived, batches } = vendor.stats()
    const repeated = arrived + batches.answered - answers
    return { ...resultsIn(cell, folder, sizes.items, models), ...countOf(kills, repeated, repeated, last) }
  } finally {
    await vendor.stop()
  }

  /** Whatever the kill found the journal at, it can be opened, and holds no item twice. */
  async function afterKill(): Promise<void> {
    const path = join(folder, "out.jsonl.journal")
    if (!existsSync(path)) return
    await using journal = openJournal({ path })
    for (const { runId } of journal.runs()) {
      const kept = [...journal.items(runId)].map(({ index, params }) => `${index} ${JSON.stringify(params)}`)
      if (new Set(kept).size !== kept.length) throw new Error(`${nameOf(cell)}: an item is in the journal twice`)
    }
  }
}

type Counted = Pick<ChaosFigures, "hit" | "repeated" | "unexplained" | "lastCode">

function countOf(
  kills: readonly Pick<Killed, "hit">[],
  repeated: number,
  unexplained: number,
  lastCode: number | null,
): Counted {
  return { hit: kills.filter(({ hit }) => hit).length, repeated, unexplained, lastCode }
}

/** More than all that was in flight at the kills. */
function beyond(repeated: number, kills: readonly Killed[]): number {
  return Math.max(0, repeated - kills.reduce((sum, { unsettled }) => sum + unsettled.length, 0))
}

/** Items are named by their index, or where they are requests of their own by `custom_id`. */
function unexplainedIn(calls: ReadonlyMap<string, number>, kills: readonly Killed[], { input }: ChaosCell): number {
  const prefix = input === "files" ? /^.*\D(?=\d+$)/ : /^\D*/
  return repeatedWithoutCause(calls, kills, (item) => prompt(Number(item.replace(prefix, "")))).length
}

/** Where calls lie at the vendor no count of answers tells how far a run is: the moment is drawn by time. */
async function killAtTimes(
  start: Parameters<typeof killAndResume>[0]["start"],
  {
    kills: count,
    random,
    grow,
    afterKill,
  }: ChaosSizes & { readonly grow: (round: number) => void; readonly afterKill: () => Promise<void> },
): Promise<{ readonly kills: { readonly hit: boolean }[]; readonly last: number | null }> {
  const kills: { hit: boolean }[] = []
  const told = join(tmpdir(), `sluice-told-${randomUUID()}`)
  const begin = (): ReturnType<typeof start> => {
    const file = openSync(told, "w")
    try {
      return start(file)
    } finally {
      closeSync(file)
    }
  }
  while (kills.length < count) {
    grow(kills.length + 1)
    const child = begin()
    const end = ended(child)
    const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null
    // Before its first event it has only started.
    while (!isOver() && statSync(told).size === 0) await pause(5)
    await pause(random.next() * 1_000)
    kills.push({ hit: !isOver() })
    child.kill("SIGKILL")
    await end
    await afterKill()
  }
  grow(count + 1)
  const last = (await ended(begin())).code
  rmSync(told)
  return { kills, last }
}

function inputArgs({ input }: ChaosCell, folder: string, items: number): string[] {
  const ids = Array.from({ length: items }, (_, id) => id)
  const rows = ids.map((id) => ({ id, text: `word ${id}` }))
  const asking = ["-p", "Say {{text}}."]
  const write = (name: string, data: string | Uint8Array): string[] => {
    writeFileSync(join(folder, name), data)
    return [name, ...asking]
  }
  const table = (separator: string): string =>
    [`id${separator}text`, ...rows.map(({ id, text }) => `${id}${separator}${text}`)].join("\n")
  switch (input) {
    case "jsonl":
      return write("in.jsonl", rows.map((row) => `${JSON.stringify(row)}\n`).join(""))
    case "json":
      return write("in.json", JSON.stringify(rows))
    case "csv":
      return write("in.csv", table(","))
    case "tsv":
      return write("in.tsv", table("\t"))
    case "lines":
      return write("in.txt", rows.map(({ text }) => text).join("\n"))
    case "parquet": {
      const columnData = [
        { name: "id", data: ids, type: "INT32" as const },
        { name: "text", data: rows.map(({ text }) => text), type: "STRING" as const },
      ]
      return write("in.parquet", new Uint8Array(parquetWriteBuffer({ columnData })))
    }
    case "files": {
      mkdirSync(join(folder, "in"), { recursive: true })
      // Names whose order is that of the numbers.
      for (const { id, text } of rows) writeFileSync(join(folder, "in", `${String(id).padStart(6, "0")}.md`), text)
      return ["in/*.md", ...asking]
    }
    case "openai-batch": {
      const body = (id: number): object => ({ model: "x", messages: [{ role: "user", content: prompt(id) }] })
      const line = (id: number): object => ({
        custom_id: `c${id}`,
        method: "POST",
        url: "/v1/chat/completions",
        body: body(id),
      })
      return write("in.jsonl", ids.map((id) => `${JSON.stringify(line(id))}\n`).join("")).slice(0, 1)
    }
  }
}

function modelArgs({ input }: ChaosCell, models: readonly string[], url: string): string[] {
  if (input === "openai-batch") return ["--base-url", url]
  return [...models.flatMap((model) => ["-m", `openai-compatible:${model}`]), "--base-url", url]
}

function laneArgs({ lane }: ChaosCell): string[] {
  // On a clock that is a hundred times as fast, five hours are three minutes.
  return lane === "auto" ? ["--lane", "auto", "--deadline", "5h"] : ["--lane", lane]
}

function outputArgs({ output }: ChaosCell): string[] {
  if (output === "as completed") return ["-o", "out.jsonl", "--as-completed"]
  return ["-o", "out.jsonl", ...(output === "openai-batch" ? ["--format-out", "openai-batch"] : [])]
}

/** Each answer says which item it is of. */
function resultsIn(
  { output }: ChaosCell,
  folder: string,
  items: number,
  models: readonly string[],
): Pick<ChaosFigures, "answers" | "lost" | "twice" | "wrong"> {
  const lines = linesOf(join(folder, "out.jsonl"))
  const answers = lines.flatMap((line, at) => answersIn(line, at, output))
  const seen = new Set(answers.map(({ name }) => name))
  return {
    answers: answers.length,
    lost: items * models.length - seen.size,
    twice: answers.length - seen.size,
    wrong: answers.filter(({ id, text }) => text !== prompt(id)).length,
  }
}

interface NamedAnswer {
  readonly name: string
  readonly id: number
  readonly text: string
}

function answersIn(line: Record<string, unknown>, at: number, output: ChaosCell["output"]): NamedAnswer[] {
  if (output === "openai-batch") {
    const { custom_id, response } = line as {
      custom_id: string
      response: { body: { choices: { message: { content: string } }[] } }
    }
    return [{ name: custom_id, id: Number(custom_id.slice(1)), text: response.body.choices[0]!.message.content }]
  }
  const id = Number(line["index"])
  if (output !== "as completed" && id !== at) throw new Error(`line ${at} is of input ${id}`)
  const said = line["output"]
  if (typeof said === "string") return [{ name: String(id), id, text: said }]
  return Object.entries(said as Record<string, string>).map(([name, text]) => ({ name: `${id} ${name}`, id, text }))
}
