import { statSync } from "node:fs"
import type { Readable } from "node:stream"
import { type RecordIdentity, SluiceError } from "@sluice/core"
import type { SqliteRunJournal } from "@sluice/journal"
import { z } from "zod"
import { duplicateKey, type Input, keyOf } from "./input.ts"
import { batch } from "../results/result-files.ts"
import type { MessageRemarks } from "../question/message-remarks.ts"
import { type PlacedVariant, type Variants, versionIn } from "../variants/variant.ts"
import { emptyInput, type InputOptions, readInput } from "./read-input.ts"

export interface ScanOptions {
  readonly files: readonly string[]
  readonly input: InputOptions
  readonly keyField: string | undefined
  readonly run: SqliteRunJournal
  readonly variants: Variants
  readonly stdin: Readable
  /** Aborted: nobody wants to know any more. */
  readonly left: AbortSignal
  /** Told of each input, or of what was seen when they were read before. */
  readonly remarks: MessageRemarks
  /** Throws when an input does not fit the question. */
  readonly check: (input: Input, index: number) => void
}

const scanned = z.object({ of: z.string(), total: z.number(), remarks: z.unknown() })

/** Reading a gigabyte takes seconds; more is checked as it is read. */
const maxBytes = 2 ** 30

/**
 * Reads all inputs once before anything is spent: counts them and finds ill-formed ones. `undefined` when that cannot be
 * done (standard input, very large files) or is not wanted any more. Files that have not changed since the last scan are not read again.
 */
export async function scanInput(options: ScanOptions): Promise<number | undefined> {
  const { files, input: reading, keyField, run, variants, stdin, left, check, remarks } = options
  if (files.includes("-")) return undefined
  const stats = files.map((file) => statSync(file))
  if (stats.some((stat) => !stat.isFile()) || stats.reduce((sum, { size }) => sum + size, 0) > maxBytes)
    return undefined
  const of = JSON.stringify([
    variants.map(({ version, params }) => [version, params]),
    reading,
    keyField,
    files.map((file, at) => [file, stats[at]?.size, stats[at]?.mtimeMs]),
  ])
  const before = scanned.safeParse(run.note("scan"))
  if (before.success && before.data.of === of) {
    remarks.recall(before.data.remarks)
    return before.data.total
  }
  const questions = variants.map(({ question }) => question)
  const inputs = (): AsyncGenerator<Input> => readInput(files, reading, stdin)
  let total = 0
  const moved = new Set<PlacedVariant>()
  for await (const input of inputs()) {
    if (left.aborted) return undefined
    const index = total++
    check(input, index)
    remarks.see(questions, input.record)
    for (const variant of variants) {
      const { version, params } = variant
      const identity = { ...batch, params, index, input: input.record, version }
      if (keyField !== undefined) await claim({ ...identity, key: keyOf(input, keyField) }, input.where)
      else if (!moved.has(variant) && run.holds(identity) && !run.find(identity)) moved.add(variant)
    }
  }
  if (total === 0) throw emptyInput(files.join(", "))
  // Answers follow their lines: what was put in at the top is all that is asked. Those to another question are asked again.
  for (const { version, params } of moved) {
    if (versionIn(run, params) !== version) continue
    if ((await run.align({ ...batch, params, version }, recordsOf(inputs()))) > 0) await run.putNote("results", null)
  }
  await run.putNote("scan", { of, total, remarks: remarks.counts })
  return total

  /** Asking about a key claims it: two inputs with one key are found here, before anything is paid for. */
  async function claim(identity: RecordIdentity, where: string): Promise<void> {
    try {
      run.find(identity)
    } catch (error) {
      if (!SluiceError.isInstance(error) || error.code !== "duplicate-key") throw error
      const [other] = error.details["indexes"] as number[]
      throw duplicateKey(identity.key ?? "", where, await whereOf(other ?? 0, inputs()), error)
    }
  }
}

async function* recordsOf(inputs: AsyncIterable<Input>): AsyncGenerator<unknown> {
  for await (const { record } of inputs) yield record
}

async function whereOf(index: number, inputs: AsyncIterable<Input>): Promise<string | undefined> {
  let at = 0
  for await (const { where } of inputs) if (at++ === index) return where
  return undefined
}
