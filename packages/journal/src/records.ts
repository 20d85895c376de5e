import { type Cost, SluiceError } from "@sluice/core"
import { z } from "zod"
import { damaged } from "./journal-error.ts"
import { maxDepth } from "./plain-json.ts"
import { parseExactJson } from "./exact-json.ts"
import { type StoredError, storedError } from "./stored-error.ts"
import { type Writer, writerRecord } from "./writer-lock.ts"

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
function json(schema: z.ZodType): z.ZodType {
  return z.preprocess((text, context) => {
    if (text === null || text === undefined) return undefined
    try {
      const value = parseExactJson(text as string)
      if (fits(value, maxDepth)) return value
      context.addIssue({ code: "custom", message: `it is nested more than ${maxDepth} deep` })
    } catch {
      context.addIssue({ code: "custom", message: "it is not JSON" })
    }
    return z.NEVER
  }, schema)
}

function fits(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true
  return depth > 0 && Object.values(value).every((member) => fits(member, depth - 1))
}

/** What a `Date` takes. */
const moment = z.number().min(0).max(8.64e15)
const amount = z.number().optional()
const cost = z.object({ requests: amount, inputTokens: amount, outputTokens: amount, usd: amount })

const runRecord = z.object({
  run: z.number(),
  runId: z.string(),
  flow: z.string(),
  status: z.enum(["running", "ok", "failed", "cancelled"]),
  startedAtMs: moment,
  endedAtMs: moment.nullable(),
  writer: json(writerRecord.optional()).transform((writer) => writer ?? null),
})

const stored = json(z.unknown())
const settled = { item: z.number(), attempts: z.number().int().min(0) }
const okRecord = z.object({ ...settled, status: z.literal("ok"), value: json(z.unknown()) })
const failedRecord = z.object({ ...settled, status: z.literal("failed"), value: json(storedError) })
const place = {
  node: z.string(),
  visit: z.number().int(),
  params: json(z.record(z.string(), z.unknown())),
  idx: z.number().int(),
  key: z.string().nullable(),
  cost: json(cost.optional()).transform((value) => value ?? null),
  settledAtMs: moment,
}
const settledItem = z.discriminatedUnion("status", [okRecord, failedRecord])
const wholeItem = z.discriminatedUnion("status", [okRecord.extend(place), failedRecord.extend(place)])

export function parseRun(row: unknown, path: string): RunRecord {
  return parse(runRecord, row, path) as RunRecord
}

export function parseSettled(row: unknown, path: string): SettledItem {
  return parse(settledItem, row, path) as SettledItem
}

export function parseItem(row: unknown, path: string): WholeItem {
  return parse(wholeItem, row, path) as WholeItem
}

/** A value that was stored as JSON text: a note, an answer. */
export function parseStored(text: unknown, path: string, what: string): unknown {
  const parsed = stored.safeParse(text)
  if (parsed.success) return parsed.data
  throw damaged(path, `${what}: ${parsed.error.issues[0]?.message ?? ""}`, parsed.error)
}

/** Reads a row by its schema; what does not fit is told with the file and the record. */
function parse(schema: z.ZodType, row: unknown, path: string): unknown {
  const parsed = schema.safeParse(row)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const { item, runId } = row as { readonly item?: number; readonly runId?: string }
  const name = item === undefined ? `the record of run "${runId}"` : `record ${item}`
  throw new SluiceError(
    "journal-unreadable",
    `${path}: ${name} is damaged (${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}). \`sluice export\` reads what can be read.`,
    { cause: parsed.error, details: { path, item } },
  )
}
