import { usageError } from "../usage-error.ts"

/** What is made of the lines of results when a run ends. */
export type TableKind = "csv" | "parquet" | "json"

/** Endings that promise something which is not written; under any other name stand lines. */
const unwritten =
  /\.(tsv|xlsx?|xlsm|ods|numbers|gz|bz2|xz|zst|zip|7z|tar|tgz|arrow|feather|avro|orc|db|sqlite3?|duckdb|html?|xml|ya?ml|toml|md|pdf|docx?|pkl|pickle|npy|npz|h5)$/i

/** What the name of `--out` asks for; `undefined`: lines of JSON. Throws where it promises another format. */
export function tableKindOf(out: string, formatOut: string | undefined): TableKind | undefined {
  if (formatOut !== undefined || out === "-") return undefined
  const ending = unwritten.exec(out)?.[0]
  if (ending !== undefined)
    throw usageError(
      `--out ${out}: no ${ending} is written. There are lines of JSON (.jsonl), a list in JSON (.json), and tables (.csv, which spreadsheets open, and .parquet); --format-out jsonl writes lines whatever the file is called.`,
    )
  return /\.(csv|parquet|json)$/i.exec(out)?.[1]?.toLowerCase() as TableKind | undefined
}
