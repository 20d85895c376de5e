import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from "node:fs"
import { SluiceError } from "@sluice/core"
import { usageError } from "../usage-error.ts"

/** Where whole lines go. */
export interface LineTarget {
  /** Bytes written, where that can be known. */
  readonly size: number
  line(text: string): void
  /** Writes the lines since the last `put`. */
  put(): void
  /** Returns when what was written is on disk. */
  sync(): void
  /** Drops everything after `size`. */
  cut(size: number): void
  close(): void
}

/** A file that holds whole lines only, also when the disk is full: a line that does not fit is taken back. */
export class FileTarget implements LineTarget {
  readonly #path: string
  readonly #file: number
  #lines: string[] = []
  #size: number

  constructor(path: string) {
    this.#path = path
    try {
      this.#file = openSync(path, "a", 0o600)
    } catch (error) {
      throw usageError(`Cannot write ${path}: ${(error as Error).message}.`)
    }
    this.#size = fstatSync(this.#file).size
  }

  get size(): number {
    return this.#size
  }

  line(text: string): void {
    this.#lines.push(text)
  }

  put(): void {
    if (this.#lines.length === 0) return
    const bytes = Buffer.from(`${this.#lines.join("\n")}\n`)
    this.#lines = []
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at)
    } catch (error) {
      // The journal has the results; a half line must not stay.
      ftruncateSync(this.#file, this.#size)
      throw new SluiceError(
        "journal-write",
        `Cannot write ${this.#path}: ${(error as Error).message}. Nothing is lost: free some space and give the same command again.`,
        { cause: error },
      )
    }
    this.#size += bytes.length
  }

  sync(): void {
    fsyncSync(this.#file)
  }

  cut(size: number): void {
    this.#lines = []
    if (this.#size > size) ftruncateSync(this.#file, size)
    this.#size = size
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** Standard output: what is written cannot be taken back. */
export class StreamTarget implements LineTarget {
  readonly size = 0
  readonly #stream: NodeJS.WritableStream
  #text = ""

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream
  }

  line(text: string): void {
    this.#text += `${text}\n`
  }

  put(): void {
    if (this.#text) this.#stream.write(this.#text)
    this.#text = ""
  }

  sync(): void {}
  cut(): void {}
  close(): void {}
}
