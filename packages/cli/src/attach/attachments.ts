import { readFileSync, statSync } from "node:fs"
import { isBelow, isWithin } from "../input/expand-inputs.ts"
import { compilePrompt } from "../question/compile-prompt.ts"
import type { InputRecord } from "../question/prompt-template.ts"
import { usageError } from "../usage-error.ts"
import { mediaTypeOf } from "./media-type.ts"

/** Vendors take no larger ones beside a prompt. */
export const maxAttachedBytes: number = 20 * 2 ** 20

/** A file that goes with an input's prompt. */
export interface Attachment {
  readonly path: string
  readonly bytes: number
  readonly mediaType: string
}

/** The files of an input, looked at and not yet read. Throws what is not there, is no picture, PDF or sound, or lies elsewhere. */
export type FindAttachments = (record: InputRecord, where: string) => Attachment[]

/** Compiles the patterns of `--attach`: a path in which `{{field}}` is filled in. */
export async function compileAttachments(
  patterns: readonly string[],
  params: InputRecord,
  followLinks: boolean,
): Promise<FindAttachments> {
  const compiled = await Promise.all(
    patterns.map(async (pattern) => ({
      folder: folderOf(pattern),
      path: await compilePrompt(pattern, params, `--attach ${pattern}`),
    })),
  )
  return (record, where) =>
    compiled.map(({ folder, path }) => attachmentAt(path(record, where), folder, { where, followLinks }))
}

/** What stands before the first field is whoever gave the command's; nothing that comes from an input leads out of it. */
function folderOf(pattern: string): string {
  const [fixed = ""] = pattern.split(/\{\{|\{%/, 1)
  return fixed.includes("/") ? fixed.slice(0, fixed.lastIndexOf("/") + 1) : "."
}

function attachmentAt(
  path: string,
  folder: string,
  { where, followLinks }: { readonly where: string; readonly followLinks: boolean },
): Attachment {
  const fail = (problem: string): Error => usageError(`${where}: --attach ${JSON.stringify(path)}: ${problem}`)
  const outside = `leads out of the folder ${folder}. Only what stands before the first {{field}} chooses a folder.`
  if (path.includes("\0") || !isBelow(folder, path)) throw fail(outside)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat?.isFile()) throw fail("there is no such file.")
  if (!followLinks && !isWithin(folder, path)) throw fail(`a link ${outside} To follow it: --follow-links`)
  if (stat.size > maxAttachedBytes) {
    const [size, most] = [stat.size, maxAttachedBytes].map((bytes) => `${Math.ceil(bytes / 2 ** 20)} MiB`)
    throw fail(`${size}, and vendors take at most ${most}. Make it smaller.`)
  }
  const mediaType = mediaTypeOf(path)
  if (mediaType === undefined) throw fail("no PNG, JPEG, GIF or WebP picture, PDF, or WAV, MP3, FLAC or Ogg sound.")
  return { path, bytes: stat.size, mediaType }
}

/** Read when the call is made, so that memory holds those of the calls in flight. */
export function bytesOf({ path }: Attachment): Uint8Array {
  return readFileSync(path)
}

/** What the SDK of each vendor can send; servers that speak OpenAI's protocol take what they take. */
const taken: Readonly<Record<string, readonly string[]>> = {
  openai: ["image", "application"],
  anthropic: ["image", "application"],
  "openai-compatible": ["image", "application", "audio"],
}

/** Throws where the vendor takes no such files, before anything is spent. */
export function checkTaken(vendor: string, { path, mediaType }: Attachment, where: string): void {
  const kinds = taken[vendor]
  if (!kinds || kinds.some((kind) => mediaType.startsWith(`${kind}/`))) return
  throw usageError(
    `${where}: --attach ${path}: ${vendor}: models take no ${mediaType} in a prompt. Gemini's do (google:).`,
  )
}
