export const inputFormats = ["jsonl", "json", "csv", "tsv", "lines", "files"] as const
export type InputFormat = (typeof inputFormats)[number]
