import { type Cost, SluiceError } from "@sluice/core"
import { damaged } from "../journal-error.ts"
import { maxDepth } from "./plain-json.ts"
import { parseExactJson } from "./exact-json.ts"
import {
  Misfit,
  nullable,
  number,
  object,
  oneOf,
  optional,
  reader,
  type Reader,
  record,
  text,
  whole,
} from "../reader.ts"
import { type StoredError, storedError } from "./stored-error.ts"
import { type Writer, writerRecord } from "../file/writer-lock.ts"

export interface RunRecord {
  readonly run: number
  readonly runId: string
  readonly flow: string
  readonly status: "running" | "ok" | "failed" | "cancelled"
  readonly startedAtMs: number
  readonly endedAtMs: number | null
  readonly writer: Writer | null
}

export type SettledItem = { readonly item: number; readonly attempts: number } & (
  | { readonly status: "ok"; readonly value: unknown }
  | { readonly status: "failed"; readonly value: StoredError }
)

export type WholeItem = SettledItem & {
  readonly node: string
  readonly visit: number
  readonly params: Readonly<Record<string, unknown>>
  /** -1 for steps. */
  readonly idx: number
  readonly key: string | null
  readonly cost: Cost | null
  readonly settledAtMs: number
}

/** `NULL` is `undefined`; anything else is JSON text. */
function json<T>(read: Reader<T>): Reader<T> {
  return (stored) => {
    if (stored === null || stored === undefined) return read(undefined)
    let value: unknown
    try {
      value = parseExactJson(stored as string)
    } catch {
      throw new Misfit("", "it is not JSON")
    }
    if (!fits(value, maxDepth)) throw new Misfit("", `it is nested more than ${maxDepth} deep`)
    return read(value)
  }
}

function fits(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true
  return depth > 0 && Object.values(value).every((member) => fits(member, depth - 1))
}

function orNull<T>(read: Reader<T>): Reader<T | null> {
  const maybe = json(optional(read))
  return (stored) => maybe(stored) ?? null
}

/** What a `Date` takes. */
const moment = reader<number>("a moment", (value) => {
  return typeof value === "number" && value >= 0 && value <= 8.64e15
})
const attempts = reader<number>("a whole number from 0 up", (value) => {
  return Number.isSafeInteger(value) && (value as number) >= 0
})
const amount = optional(number)

const runRecord = object<RunRecord>({
  run: number,
  runId: text,
  flow: text,
  status: oneOf("running", "ok", "failed", "cancelled"),
  startedAtMs: moment,
  endedAtMs: nullable(moment),
  writer: orNull(writerRecord),
})

const anything: Reader<unknown> = (value) => value
const stored = json(anything)
const settled = { item: number, attempts, status: oneOf("ok", "failed") }
const place = {
  node: text,
  visit: whole,
  params: json(record),
  idx: whole,
  key: nullable(text),
  cost: orNull(object<Cost>({ requests: amount, inputTokens: amount, outputTokens: amount, usd: amount })),
  settledAtMs: moment,
}
const okItem = object<Readonly<Record<string, unknown>>>({ ...settled, value: stored })
const failedItem = object<Readonly<Record<string, unknown>>>({ ...settled, value: json(storedError) })
const wholeOk = object<Readonly<Record<string, unknown>>>({ ...settled, value: stored, ...place })
const wholeFailed = object<Readonly<Record<string, unknown>>>({ ...settled, value: json(storedError), ...place })

export function parseRun(row: unknown, path: string): RunRecord {
  return parse(runRecord, row, path)
}

export function parseSettled(row: unknown, path: string): SettledItem {
  return parse(isFailed(row) ? failedItem : okItem, row, path) as SettledItem
}

export function parseItem(row: unknown, path: string): WholeItem {
  return parse(isFailed(row) ? wholeFailed : wholeOk, row, path) as WholeItem
}

function isFailed(row: unknown): boolean {
  return (row as { readonly status?: unknown }).status === "failed"
}

/** A value that was stored as JSON text: a note, an answer. */
export function parseStored(text: unknown, path: string, what: string): unknown {
  try {
    return stored(text)
  } catch (error) {
    if (error instanceof Misfit) throw damaged(path, `${what}: ${error.message}`, error)
    throw error
  }
}

/** Reads a row; what does not fit is told with the file and the record. */
function parse<T>(read: Reader<T>, row: unknown, path: string): T {
  try {
    return read(row)
  } catch (error) {
    if (!(error instanceof Misfit)) throw error
    const { item, runId } = row as { readonly item?: number; readonly runId?: string }
    const name = item === undefined ? `the record of run "${runId}"` : `record ${item}`
    throw new SluiceError(
      "journal-unreadable",
      `${path}: ${name} is damaged (${error.path}: ${error.message}). \`sluice export\` reads what can be read.`,
      { cause: error, details: { path, item } },
    )
  }
}
