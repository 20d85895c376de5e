import { exactDigits } from "@sluice/journal"
import { optionalPart } from "../../input/optional-part.ts"
import type { Table } from "./table.ts"

/** Rows that are in memory at once. */
const groupRows = 10_000

/** What writes Parquet. @throws how to get it */
export function parquetWriter(neededFor: string): Promise<typeof import("hyparquet-writer")> {
  return optionalPart(["hyparquet", "hyparquet-writer"], neededFor, () => import("hyparquet-writer"))
}

/** Writes a table, typed by what all of a column's values are. Reads its rows twice. */
export async function writeParquet(
  { columns: names, rows: read }: Table,
  write: (bytes: Uint8Array) => Promise<void>,
  neededFor: string,
): Promise<void> {
  const { ByteWriter, parquetWriteRows } = await parquetWriter(neededFor)
  const kinds = kindsOf(names, read())
  const writer = new ByteWriter()
  const flush = async (): Promise<void> => {
    const bytes = writer.getBytes().slice()
    writer.index = 0
    await write(bytes)
  }
  const columns = [...kinds].map(([name, kind]) => ({ name, type: typeOf(kind), nullable: true }))
  function* rows(): Generator<Record<string, unknown>> {
    for (const row of read()) {
      yield Object.fromEntries([...kinds].map(([name, kind]) => [name, valueOf(row.get(name), kind)]))
    }
  }
  await parquetWriteRows({ rows: rows(), columns, writer: Object.assign(writer, { flush }), rowGroupSize: groupRows })
  await flush()
}

/** What a value is to Parquet; `big`: a whole number that a binary fraction does not hold. */
type Kind = "whole" | "big" | "number" | "boolean" | "text" | "json"

function kindsOf(columns: readonly string[], rows: Iterable<ReadonlyMap<string, unknown>>): Map<string, Kind> {
  const kinds = new Map<string, Kind>()
  for (const row of rows) {
    for (const [name, value] of row) {
      if (value === undefined || value === null) continue
      const [kind, before] = [kindOf(value), kinds.get(name)]
      if (kind !== before) kinds.set(name, before === undefined ? kind : together(before, kind))
    }
  }
  return new Map(columns.map((name) => [name, kinds.get(name) ?? "text"]))
}

function kindOf(value: unknown): Kind {
  if (typeof value === "string") return "text"
  if (typeof value === "boolean") return "boolean"
  if (typeof value === "number") return Number.isSafeInteger(value) ? "whole" : "number"
  const digits = exactDigits(value)
  if (digits === undefined) return "json"
  if (/^-?\d{1,19}$/.test(digits)) return BigInt.asIntN(64, BigInt(digits)) === BigInt(digits) ? "big" : "json"
  // So many digits every binary fraction holds.
  return digits.replaceAll(/[eE].*|\D/g, "").length <= 15 && Number.isFinite(Number(digits)) ? "number" : "json"
}

/** What holds the values of both. */
function together(one: Kind, other: Kind): Kind {
  const both = new Set([one, other])
  if (both.has("whole") && both.has("big")) return "big"
  if (both.has("whole") && both.has("number")) return "number"
  return "json"
}

function typeOf(kind: Kind): "INT64" | "DOUBLE" | "BOOLEAN" | "STRING" | "JSON" {
  const types = {
    whole: "INT64",
    big: "INT64",
    number: "DOUBLE",
    boolean: "BOOLEAN",
    text: "STRING",
    json: "JSON",
  } as const
  return types[kind]
}

function valueOf(value: unknown, kind: Kind): unknown {
  if (value === undefined || value === null) return null
  const digits = exactDigits(value)
  if (kind === "whole" || kind === "big") return BigInt(digits ?? (value as number))
  return kind === "number" && digits !== undefined ? Number(digits) : value
}
