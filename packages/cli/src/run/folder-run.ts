import { statSync } from "node:fs"
import { isBelow } from "../input/expand-inputs.ts"
import { usageError } from "../usage-error.ts"
import type { RunCommandOptions } from "./options/run-options.ts"

/** The options of a run over a folder: each file in it is an input, named by its path there. */
export function ofFolder(inputs: readonly string[], options: RunCommandOptions): RunCommandOptions {
  const folder = inputs.find((name) => statSync(name, { throwIfNoEntry: false })?.isDirectory())
  // Of lists in a folder, whose lines are the inputs, files have no names to give.
  if (folder === undefined || (options.format ?? "files") !== "files") return options
  if (inputs.length > 1) {
    throw usageError(
      `${folder} is a folder, whose files are the inputs: name it alone, or its files: "${folder}/*.txt".`,
    )
  }
  for (const [name, path] of [
    ["--out", options.out],
    ["--journal", options.journal],
  ] as const) {
    if (typeof path !== "string" || path === "-" || !isBelow(folder, path)) continue
    throw usageError(
      `${name} ${path} lies in the folder of the inputs, and would be one of them next time. Name a place beside it.`,
    )
  }
  return { ...options, format: "files", folder, key: options.key ?? "name" }
}
