import { isUtf8 } from "node:buffer"
import { beginOf, fileKindOf } from "../../files/file-kind.ts"
import { usageError } from "../../usage-error.ts"

/** Throws where a file does not begin as `what` does: a reader would say only at which byte it gave up. */
export function checkBegin(file: string, what: string, begins: string): void {
  const begin = beginOf(file)
  if (begin.toString("latin1").startsWith(begins)) return
  const found = fileKindOf(begin)
  const kind = begin.length === 0 ? "it is empty" : (found?.kind ?? (isUtf8(begin) ? textual : "it begins otherwise"))
  const advice = found === undefined ? "" : ` ${found.advice}`
  throw usageError(`${file}: not ${what} that can be read (${kind}).${advice}`)
}

const textual = "it begins as a text: --format says which"
