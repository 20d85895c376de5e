import { usageError } from "../usage-error.ts"
import { kindOf, statOf } from "./path-kind.ts"
import { mostSmallBytes } from "./small-text.ts"

/** Refuses a program that is no file of a sensible size: Node would read a device, or wait for a pipe, for ever. */
export function checkProgram(path: string, what: string): void {
  const stat = statOf(path)
  if (!stat) throw usageError(`${what}: no such file.`)
  if (!stat.isFile()) throw usageError(`${what} is ${kindOf(stat)}, not a file.`)
  if (stat.size > mostSmallBytes)
    throw usageError(`${what}: more than ${mostSmallBytes / 2 ** 20} MiB, which is all that is read.`)
}
