import { constants } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import type { Clock } from "@sluice/core"
import { sleep } from "@sluice/scheduler"
import { usageError } from "../usage-error.ts"
import { markedEncoding } from "./text-blocks.ts"

/** No prompt, schema, configuration or program is larger; a device never ends. */
export const mostSmallBytes: number = 16 * 2 ** 20
/** Who opens a pipe before its writer does waits so long for it. */
const writerWithinMs = 5_000
const lookEveryMs = 20

export interface SmallTextOptions {
  /** What the file is called in messages. Default: its path. */
  readonly what?: string
  readonly clock: Clock
  /** What stands in for a file that is not there, or is a folder. Without it both are refused. */
  readonly absent?: string
}

/**
 * A file that is read whole before a run begins: a prompt, a schema, a configuration. Pipes are read too (`<(…)`). What cannot be read,
 * is larger than 16 MiB, is no text, or is a pipe that nobody writes into is a usage error that names it.
 */
export async function smallText(path: string, { what = path, clock, absent }: SmallTextOptions): Promise<string> {
  let file: FileHandle | undefined
  try {
    // Else opening a pipe would wait for its writer, and nothing could end that.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    return textIn(await bytesOf(file, what, clock), what)
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException
    if (syscall === undefined) throw error
    if (absent !== undefined && (code === "ENOENT" || code === "EISDIR")) return absent
    throw usageError(`${what}: cannot be read (${message}).`)
  } finally {
    await file?.close()
  }
}

async function bytesOf(file: FileHandle, what: string, clock: Clock): Promise<Buffer> {
  const isPipe = (await file.stat()).isFIFO()
  const parts: Buffer[] = []
  let size = 0
  let waitedMs = 0
  while (true) {
    const read = await chunkOf(file)
    const isSilent = read === "not yet" || (isPipe && size === 0 && read.length === 0)
    if (!isSilent) {
      if (read.length === 0) return Buffer.concat(parts)
      size += read.length
      if (size > mostSmallBytes)
        throw usageError(`${what}: more than ${mostSmallBytes / 2 ** 20} MiB, which is all that is read.`)
      parts.push(read)
      continue
    }
    // Who has opened a pipe to write is waited for, as every program does.
    if (read !== "not yet" && waitedMs >= writerWithinMs)
      throw usageError(`${what}: a pipe into which nobody has written for ${writerWithinMs / 1_000} s.`)
    await sleep(clock, lookEveryMs)
    waitedMs += lookEveryMs
  }
}

/** Empty at the end, and where nobody has a pipe open to write. */
async function chunkOf(file: FileHandle): Promise<Buffer | "not yet"> {
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(65_536), 0, 65_536, null)
    return buffer.subarray(0, bytesRead)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return "not yet"
    throw error
  }
}

function textIn(bytes: Buffer, what: string): string {
  const encoding = markedEncoding(bytes) ?? "utf-8"
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    throw usageError(`${what}: not a text in ${encoding.toUpperCase()}.`)
  }
}
