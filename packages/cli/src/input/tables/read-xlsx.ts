import { statSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { parseExactJson } from "@sluice/journal"
import type { UnzipFileInfo } from "fflate"
import { usageError } from "../../usage-error.ts"
import type { Input } from "../input.ts"
import { optionalPart } from "../optional-part.ts"
import { checkBegin } from "./check-begin.ts"
import { columnNames, rowOf } from "./table-rows.ts"

/** Twice what Excel's largest sheets have; the reader holds all of it, as a text too. */
const mostBytes = 256 * 2 ** 20

/** The rows of the first sheet by the names of its first row. Holds the whole sheet: Excel's own limit is a million rows. */
export async function* readXlsx(file: string): AsyncGenerator<Input, void, undefined> {
  const { readSheet } = await optionalPart(["read-excel-file", "fflate"], `${file}: reading .xlsx`, async () => ({
    ...(await import("read-excel-file/node")),
    ...(await import("fflate")),
  }))
  checkBegin(file, "a workbook", "PK")
  if (statSync(file).size > mostBytes)
    throw usageError(
      `${file}: more than ${mostBytes / 2 ** 20} MiB, which is all that is read of a workbook. Export it as CSV.`,
    )
  const bytes = await readFile(file)
  let rows: readonly (readonly unknown[])[]
  try {
    rows = await readSheet(await withCharacters(bytes), { trim: false, parseNumber })
  } catch (error) {
    throw usageError(`${file}: not a workbook that can be read (${(error as Error).message}).`)
  }
  const [header, ...rest] = rows
  if (!header) return
  const names = columnNames(header.map(textOf), file)
  for (const [at, row] of rest.entries()) {
    if (row.every((cell) => cell === null)) continue
    // As Excel counts rows.
    yield { record: rowOf(names, row.map(cellOf)), where: `${file}:${at + 2}` }
  }
}

/** The workbook without characters beyond U+FFFF that are written by their number, as openpyxl does: the reader would cut them to 16 bits. */
async function withCharacters(workbook: Buffer): Promise<Buffer> {
  const { unzipSync, zipSync } = await import("fflate")
  let total = 0
  const filter = ({ size, originalSize }: UnzipFileInfo): boolean => {
    total += originalSize
    if (total > mostBytes) throw new Error(`unpacked it has more than ${mostBytes / 2 ** 20} MiB; export it as CSV`)
    if (size > 1.1 * originalSize + 1_024) throw new Error("a part of it is larger than it says")
    return true
  }
  const files = unzipSync(workbook, { filter })
  let isChanged = false
  for (const [name, bytes] of Object.entries(files)) {
    if (!name.endsWith(".xml")) continue
    const text = Buffer.from(bytes).toString()
    const next = text.replaceAll(/&#(?:x([\da-f]+)|(\d+));/gi, (reference, hex?: string, decimal?: string) => {
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
      return code > 0xff_ff && code <= 0x10_ff_ff ? String.fromCodePoint(code) : reference
    })
    if (next === text) continue
    files[name] = Buffer.from(next)
    isChanged = true
  }
  return isChanged ? Buffer.from(zipSync(files, { level: 0 })) : workbook
}

/** Digits as they are in the file. */
function parseNumber(text: string): unknown {
  try {
    return parseExactJson(text)
  } catch {
    return Number(text)
  }
}

/** An empty cell is an empty text, as in a table that was exported; a date has no zone. */
function cellOf(cell: unknown): unknown {
  if (cell instanceof Date) return cell.toISOString().replace(/T00:00:00\.000Z$|(?:\.000)?Z$/, "")
  return cell ?? ""
}

function textOf(cell: unknown): string {
  return String(cellOf(cell))
}
