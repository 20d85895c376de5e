import { createHash } from "node:crypto"
import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from "node:fs"
import { SluiceError } from "@sluice/core"
import { parseExactJson, type SqliteRunJournal } from "@sluice/journal"
import { z } from "zod"
import { usageError } from "../../usage-error.ts"
import { beginsAs, type FileMark, fileMark, markOf } from "../file-mark.ts"
import { besideOf, checkBeside, realPlace } from "../result-places.ts"
import type { TableKind } from "../result-kind.ts"
import { columnsOf, type Table } from "./table.ts"

const note = "table"
/** What it may be known by: as it was written last, and while it is written anew, as it will be. */
const kept = z.object({ marks: z.array(fileMark) })
const blockBytes = 2 ** 16

/** `results.csv`, `results.parquet`, or the list in `results.json`: made of the result's lines, which stand beside it, whenever a run ends by itself. */
export class ResultTable {
  readonly #path: string
  readonly #lines: string
  readonly #kind: TableKind

  constructor(path: string, lines: string, kind: TableKind) {
    this.#path = path
    this.#lines = lines
    this.#kind = kind
  }

  /** Throws when the file that is there is not this run's, or cannot be written with what is installed. */
  async check(run: SqliteRunJournal): Promise<void> {
    const before = kept.safeParse(run.note(note)).data
    const stat = statSync(this.#path, { throwIfNoEntry: false })
    if (stat && !stat.isFile()) throw usageError(`${this.#path} is not a file. Choose another --out.`)
    // Somebody may have put notes into it.
    const isAsWritten = (mark: FileMark): boolean =>
      mark.bytes === stat?.size && beginsAs(this.#path, mark) !== undefined
    if (stat && stat.size > 0 && !before?.marks.some(isAsWritten)) {
      throw usageError(
        `${this.#path} exists and is not as a run recorded in its journal wrote it. Move it away, or choose another --out.`,
      )
    }
    checkBeside(besideOf(this.#place()), before !== undefined)
    if (this.#kind === "parquet") await (await import("./write-parquet.ts")).parquetWriter(`--out ${this.#path}`)
  }

  /** Writes it beside what is there, whose place it takes when it is whole. */
  async write(run: SqliteRunJournal): Promise<void> {
    const columns = this.#columns()
    const place = this.#place()
    // Nothing was answered: what an earlier command has written is no result any more.
    if (columns.length === 0) return rmSync(place, { force: true })
    const beside = besideOf(place)
    const before = kept.safeParse(run.note(note)).data?.marks ?? []
    // What lies beside is known as ours from its first byte on.
    await run.putNote(note, { marks: before })
    try {
      const file = openSync(beside, "w", 0o600)
      const hash = createHash("sha256")
      let bytes = 0
      try {
        const write = async (chunk: Uint8Array): Promise<void> => {
          for (let at = 0; at < chunk.length;) at += writeSync(file, chunk, at)
          hash.update(chunk)
          bytes += chunk.length
        }
        const table: Table = { columns, rows: () => this.#rows() }
        if (this.#kind === "json") await writeList(linesIn(this.#lines), write)
        else if (this.#kind === "csv") await (await import("./write-csv.ts")).writeCsv(table, write)
        else await (await import("./write-parquet.ts")).writeParquet(table, write, `--out ${this.#path}`)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      const mark = markOf(bytes, hash)
      await run.putNote(note, { marks: [...before, mark] })
      renameSync(beside, place)
      await run.putNote(note, { marks: [mark] })
    } catch (error) {
      rmSync(beside, { force: true })
      throw new SluiceError(
        "journal-write",
        `Cannot write ${this.#path}: ${(error as Error).message}. Nothing is lost: its lines are in ${this.#lines}, and the same command writes it anew.`,
        { cause: error },
      )
    }
  }

  /** Behind a link that somebody chose. */
  #place(): string {
    return statSync(this.#path, { throwIfNoEntry: false }) ? realPlace(this.#path) : this.#path
  }

  /** Fields as the lines have them; columns of one field as they came. */
  #columns(): string[] {
    const fields = new Map<string, Set<string>>()
    for (const line of linesIn(this.#lines)) {
      for (const [field, value] of Object.entries(line)) {
        const names = fields.get(field) ?? new Set()
        fields.set(field, names)
        for (const name of Object.keys(columnsOf(field, value))) names.add(name)
      }
    }
    return [...new Set([...fields.values()].flatMap((names) => [...names]))]
  }

  *#rows(): Generator<ReadonlyMap<string, unknown>> {
    for (const line of linesIn(this.#lines))
      yield new Map(Object.entries(line).flatMap(([field, value]) => Object.entries(columnsOf(field, value))))
  }
}

/** A list in JSON, a line for each element. */
async function writeList(lines: Iterable<object>, write: (chunk: Uint8Array) => Promise<void>): Promise<void> {
  let before = "["
  for (const line of lines) {
    await write(Buffer.from(`${before}\n${JSON.stringify(line)}`))
    before = ","
  }
  await write(Buffer.from("\n]\n"))
}

/** One after the other, whatever the size of the file. */
function* linesIn(path: string): Generator<object> {
  const file = openSync(path, "r")
  try {
    const block = Buffer.alloc(blockBytes)
    let rest: Buffer[] = []
    for (let size = readSync(file, block); size > 0; size = readSync(file, block)) {
      let from = 0
      for (let end = block.indexOf(10); end >= 0 && end < size; end = block.indexOf(10, from)) {
        yield parseExactJson(Buffer.concat([...rest, block.subarray(from, end)]).toString()) as object
        rest = []
        from = end + 1
      }
      if (from < size) rest.push(Buffer.from(block.subarray(from, size)))
    }
  } finally {
    closeSync(file)
  }
}
