import { closeSync, openSync, readSync } from "node:fs"

/** How files begin that are no texts, and how such a file is given. */
const kinds = [
  {
    begins: "PK\u0003\u0004",
    kind: "a workbook or another zip archive",
    advice: "A workbook is read with --format xlsx.",
  },
  { begins: "PAR1", kind: "a Parquet file", advice: "It is read with --format parquet." },
  { begins: "%PDF-", kind: "a PDF", advice: "--attach sends PDFs." },
  { begins: "\u001F\u008B", kind: "packed by gzip", advice: "Unpack it first: gunzip FILE" },
  { begins: "\u0028\u00B5\u002F\u00FD", kind: "packed by Zstandard", advice: "Unpack it first: zstd -d FILE" },
  { begins: "\u00D0\u00CF\u0011\u00E0", kind: "an old Excel workbook", advice: "Save it as .xlsx or .csv." },
  { begins: "SQLite format 3\u0000", kind: "an SQLite database", advice: "Export the table as CSV or JSON lines." },
] as const

export interface FileKind {
  readonly kind: string
  /** What to do with it. */
  readonly advice: string
}

/** What a file is that begins so; `undefined` for a text, and what is not known. */
export function fileKindOf(begin: Uint8Array): FileKind | undefined {
  const text = Buffer.from(begin.buffer, begin.byteOffset, Math.min(begin.length, 16)).toString("latin1")
  return kinds.find(({ begins }) => text.startsWith(begins))
}

/** The first bytes of a file. */
export function beginOf(path: string): Buffer {
  const file = openSync(path, "r")
  try {
    const bytes = Buffer.alloc(16)
    return bytes.subarray(0, readSync(file, bytes))
  } finally {
    closeSync(file)
  }
}
