import { isUtf8 } from "node:buffer"
import { exactDigits, parseExactJson } from "@sluice/journal"
import type { FileMetaData, SchemaElement } from "hyparquet"
import { usageError } from "../../usage-error.ts"

/** Makes JSON of a column's value. */
type ColumnValue = (value: unknown) => unknown

/**
 * What the values of columns are in JSON, where that is not plain. Takes decimals and times of day out of the reader's hands
 * by changing `metadata`: it would make binary fractions of them.
 */
export function parquetColumns({ schema }: FileMetaData): Map<string, ColumnValue> {
  const columns = new Map<string, ColumnValue>()
  let within = 0
  for (const element of schema.slice(1)) {
    // Elements follow their parent; those inside others are left as the reader has them.
    if (within > 0) within += (element.num_children ?? 0) - 1
    else if (element.num_children) within = element.num_children
    else if (element.repetition_type !== "REPEATED") {
      const value = valueIn(element)
      if (value) columns.set(element.name, value)
    }
  }
  return columns
}

function valueIn(element: SchemaElement): ColumnValue | undefined {
  const { converted_type: converted, logical_type: logical, scale = 0 } = element
  if (converted === "DECIMAL" || logical?.type === "DECIMAL") {
    take(element)
    return (value) => exact(decimalText(value instanceof Uint8Array ? signedOf(value) : BigInt(value as number), scale))
  }
  if (logical?.type === "TIME" || converted === "TIME_MILLIS" || converted === "TIME_MICROS") {
    take(element)
    const digits = logical?.type === "TIME" ? digitsOf(logical.unit) : converted === "TIME_MILLIS" ? 3 : 6
    return (value) => momentText(BigInt(value as number | bigint), digits).slice("1970-01-01T".length)
  }
  const isZoned = logical?.type === "TIMESTAMP" ? logical.isAdjustedToUTC : converted?.startsWith("TIMESTAMP_") === true
  return isZoned ? (value) => `${String(value)}Z` : undefined
}

function take(element: SchemaElement): void {
  delete element.converted_type
  delete element.logical_type
}

function digitsOf(unit: "MILLIS" | "MICROS" | "NANOS"): number {
  return { MILLIS: 3, MICROS: 6, NANOS: 9 }[unit]
}

/** Two's complement, the highest byte first. */
function signedOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString("hex")}`))
}

function decimalText(units: bigint, scale: number): string {
  if (scale === 0) return String(units)
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, "0")
  return `${units < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** The number itself, or its digits where JavaScript has no such number. */
function exact(digits: string): unknown {
  return parseExactJson(digits)
}

/** `2026-11-29T08:55:48.123456`, of units since 1970 of which a second has `10 ** digits`. */
export function momentText(units: bigint, digits: number): string {
  const perSecond = 10n ** BigInt(digits)
  const rest = ((units % perSecond) + perSecond) % perSecond
  const date = new Date(Number((units - rest) / perSecond) * 1_000)
  if (Number.isNaN(date.getTime())) throw usageError(`a moment that no calendar has (${units})`)
  const fraction = String(rest)
    .padStart(digits, "0")
    .replace(/(?:000)+$/, "")
  return `${date.toISOString().slice(0, -".000Z".length)}${fraction === "" ? "" : `.${fraction}`}`
}

export function dateText(days: number): string {
  return new Date(days * 86_400_000).toISOString().slice(0, -"T00:00:00.000Z".length)
}

/** As JSON has it, with all digits. What JSON has no number for is a text (`Infinity`), or where it is none at all (`NaN`), null. */
export function plainValue(value: unknown, column?: ColumnValue): unknown {
  if (value === null || value === undefined) return null
  if (column) return column(value)
  if (typeof value === "bigint") return exact(String(value))
  if (typeof value === "number") return Number.isFinite(value) ? value : Number.isNaN(value) ? null : String(value)
  if (typeof value !== "object" || exactDigits(value) !== undefined) return value
  // Bytes that nobody called a text are one where they can be.
  if (value instanceof Uint8Array)
    return isUtf8(value) ? Buffer.from(value).toString() : Buffer.from(value).toString("base64")
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value as unknown[], (one) => plainValue(one))
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plainValue(one)]))
}
