import { type Stats, statSync } from "node:fs"
import { usageError } from "../usage-error.ts"

/** What a path leads to; `undefined` for nothing. A path that cannot be followed (links in a circle, a closed folder) is a usage error. */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    throw usageError(`${path}: cannot be read (${(error as Error).message}).`)
  }
}

/** In words. */
export function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return "a folder"
  if (stat.isFIFO()) return "a pipe"
  return stat.isSocket() ? "a socket" : "a device"
}
