import { mkdir, open } from "node:fs/promises"
import type { FileHandle } from "node:fs/promises"
import { join } from "node:path"
import type { DocumentResult } from "./document-result.ts"
import { UsageError } from "../usage-error.ts"

/** `results.jsonl`: one JSON line per document, written as each settles, so that a stopped run keeps what is done. */
export class ResultsFile {
  readonly path: string
  readonly #handle: FileHandle
  /** Lines go out one after the other: two at once could mix. */
  #written: Promise<void> = Promise.resolve()

  private constructor(path: string, handle: FileHandle) {
    this.path = path
    this.#handle = handle
  }

  static async create(folder: string): Promise<ResultsFile> {
    const path = join(folder, "results.jsonl")
    try {
      await mkdir(folder, { recursive: true })
      return new ResultsFile(path, await open(path, "w"))
    } catch (error) {
      throw new UsageError(`cannot write to the folder ${folder}: ${(error as Error).message}`)
    }
  }

  append(result: DocumentResult): Promise<void> {
    this.#written = this.#written.then(() => this.#handle.appendFile(`${JSON.stringify(result)}\n`))
    return this.#written
  }

  async close(): Promise<void> {
    await this.#written.catch(() => {})
    await this.#handle.close()
  }
}
