import { createHash, type Hash } from "node:crypto"
import { closeSync, constants, openSync, readSync } from "node:fs"
import { z } from "zod"

/** What a file that we have written is known by: so many bytes from its beginning, and their digest. */
export interface FileMark {
  readonly bytes: number
  readonly digest: string
}

export const fileMark: z.ZodType<FileMark> = z.object({ bytes: z.number(), digest: z.string() })

/** Of the bytes that `hash` has seen. */
export function markOf(bytes: number, hash: Hash): FileMark {
  return { bytes, digest: hash.copy().digest("base64url") }
}

/** The hash of what the mark tells of, to go on with; `undefined` where the file does not begin so: somebody has changed it. */
export function beginsAs(path: string, { bytes, digest }: FileMark): Hash | undefined {
  const hash = createHash("sha256")
  const file = openSync(path, constants.O_RDONLY)
  try {
    const chunk = Buffer.alloc(Math.min(bytes, 1 << 20))
    for (let at = 0, read = 0; at < bytes; at += read) {
      read = readSync(file, chunk, 0, Math.min(chunk.length, bytes - at), at)
      if (read === 0) return undefined
      hash.update(chunk.subarray(0, read))
    }
  } finally {
    closeSync(file)
  }
  return markOf(bytes, hash).digest === digest ? hash : undefined
}
