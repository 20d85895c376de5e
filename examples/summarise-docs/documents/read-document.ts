import { readFile, stat } from "node:fs/promises"

/** A document's text, or why there is none. */
export type ReadDocument = { readonly text: string } | { readonly reason: string }

/** Far beyond any README; a log file named by mistake should not fill the memory. */
const maxBytes = 5_000_000

/** Reads one document. Never throws: what cannot be summarised has a reason. */
export async function readDocument(path: string): Promise<ReadDocument> {
  try {
    const stats = await stat(path)
    if (!stats.isFile()) return { reason: "not a file" }
    if (stats.size > maxBytes) return { reason: `too large: ${stats.size} bytes, at most ${maxBytes}` }
    const bytes = await readFile(path)
    if (bytes.includes(0)) return { reason: "binary: it contains zero bytes" }
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    return text.trim() === "" ? { reason: "empty" } : { text }
  } catch (error) {
    if (error instanceof TypeError) return { reason: "binary: it is not UTF-8 text" }
    return { reason: `unreadable: ${(error as NodeJS.ErrnoException).code ?? String(error)}` }
  }
}
