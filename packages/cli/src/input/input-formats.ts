export const inputFormats = [
  "jsonl",
  "json",
  "entries",
  "csv",
  "tsv",
  "parquet",
  "xlsx",
  "lines",
  "files",
  "openai-batch",
] as const
export type InputFormat = (typeof inputFormats)[number]
