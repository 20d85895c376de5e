import { statSync } from "node:fs"
import type { Readable } from "node:stream"
import type { SqliteRunJournal } from "@sluice/journal"
import { z } from "zod"
import { keyOf } from "../run/bulk-run.ts"
import { batch } from "../results/result-files.ts"
import { type Input, type InputFormat, readInput } from "./read-input.ts"

export interface ScanOptions {
  readonly files: readonly string[]
  readonly format: InputFormat | undefined
  readonly keyField: string | undefined
  readonly run: SqliteRunJournal
  readonly version: string
  readonly stdin: Readable
  /** Throws when an input does not fit the question. */
  readonly check: (input: Input, index: number) => void
}

const scanned = z.object({ of: z.string(), total: z.number() })

/** Reading a gigabyte takes seconds; more is checked as it is read. */
const maxBytes = 2 ** 30

/**
 * Reads all inputs once before anything is spent: counts them and finds ill-formed ones. `undefined` when that cannot be
 * done (standard input, very large files). Files that have not changed since the last scan are not read again.
 */
export async function scanInput(options: ScanOptions): Promise<number | undefined> {
  const { files, format, keyField, run, version, stdin, check } = options
  if (files.includes("-")) return undefined
  const stats = files.map((file) => statSync(file))
  if (stats.some((stat) => !stat.isFile()) || stats.reduce((sum, { size }) => sum + size, 0) > maxBytes)
    return undefined
  const of = JSON.stringify([
    version,
    format,
    keyField,
    files.map((file, at) => [file, stats[at]?.size, stats[at]?.mtimeMs]),
  ])
  const before = scanned.safeParse(run.note("scan"))
  if (before.success && before.data.of === of) return before.data.total
  let total = 0
  for await (const input of readInput(files, format, stdin)) {
    check(input, total++)
    // Asking about a key claims it: two inputs with one key are found here, before anything is paid for.
    if (keyField !== undefined)
      run.find({ ...batch, index: total - 1, input: input.record, key: keyOf(input, keyField) })
  }
  await run.putNote("scan", { of, total })
  return total
}
