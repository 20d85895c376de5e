import { createHash } from "node:crypto"
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs"
import { SluiceError } from "@sluice/core"
import { steeringEscaped } from "../display/printable.ts"
import type { Terminal } from "../display/terminal.ts"
import { usageError } from "../usage-error.ts"
import { beginsAs, type FileMark, markOf } from "./file-mark.ts"

/** Where whole lines go. */
export interface LineTarget {
  /** Bytes written, where that can be known. */
  readonly size: number
  /** What those bytes are known by. */
  readonly mark: FileMark
  line(text: string): void
  /** Writes the lines since the last `put`. */
  put(): void
  /** Puts what was written on disk. Throws where it is not under its name any more. */
  sync(): void
  /** Begins anew. */
  empty(): void
  /** Drops everything after what the mark tells of; `false` where somebody has changed that. */
  goesOn(mark: FileMark | undefined): boolean
  /** Takes the place of the file at `path`. */
  moveTo(path: string): void
  close(): void
}

/** A file that holds whole lines only, also when the disk is full: a line that does not fit is taken back. */
export class FileTarget implements LineTarget {
  #path: string
  readonly #file: number
  #lines: string[] = []
  #size: number
  #hash = createHash("sha256")

  /** `follow`: a link that somebody chose is followed; one that merely lies there is not. */
  constructor(path: string, { follow }: { readonly follow: boolean }) {
    this.#path = path
    const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants
    try {
      // Windows has no O_NOFOLLOW, and lets nobody but an administrator make links.
      this.#file = openSync(path, O_APPEND | O_CREAT | O_WRONLY | (follow ? 0 : (O_NOFOLLOW ?? 0)), 0o600)
    } catch (error) {
      throw usageError(`Cannot write ${path}: ${(error as Error).message}.`)
    }
    this.#size = fstatSync(this.#file).size
  }

  get size(): number {
    return this.#size
  }

  get mark(): FileMark {
    return markOf(this.#size, this.#hash)
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
    this.#hash.update(bytes)
  }

  sync(): void {
    fsyncSync(this.#file)
    if (this.#size === 0) return
    const here = fstatSync(this.#file)
    const named = statSync(this.#path, { throwIfNoEntry: false })
    if (named?.ino === here.ino && named.dev === here.dev) return
    throw new SluiceError(
      "journal-write",
      `${this.#path} was ${named ? "replaced" : "removed"} while the run wrote it. Nothing is lost: ${named ? "move what is there now away, then " : ""}give the same command again.`,
    )
  }

  empty(): void {
    this.#lines = []
    this.#cut(0)
    this.#hash = createHash("sha256")
  }

  goesOn(mark: FileMark | undefined): boolean {
    const hash = mark && beginsAs(this.#path, mark)
    if (!hash) return false
    this.#hash = hash
    this.#cut(mark.bytes)
    return true
  }

  #cut(size: number): void {
    if (this.#size > size) ftruncateSync(this.#file, size)
    this.#size = size
  }

  moveTo(path: string): void {
    const replaced = statSync(path, { throwIfNoEntry: false })
    if (replaced) fchmodSync(this.#file, replaced.mode)
    renameSync(this.#path, path)
    this.#path = path
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** Standard output: what is written cannot be taken back. A terminal gets JSON that does not steer it, everybody else the bytes. */
export class StreamTarget implements LineTarget {
  readonly size = 0
  readonly mark = { bytes: 0, digest: "" }
  readonly #stream: Terminal["stdout"]
  #text = ""

  constructor(stream: Terminal["stdout"]) {
    this.#stream = stream
  }

  line(text: string): void {
    this.#text += `${this.#stream.isTTY ? steeringEscaped(text) : text}\n`
  }

  put(): void {
    if (this.#text) this.#stream.write(this.#text)
    this.#text = ""
  }

  sync(): void {}
  empty(): void {}
  goesOn(): boolean {
    return true
  }
  moveTo(): void {}
  close(): void {}
}
