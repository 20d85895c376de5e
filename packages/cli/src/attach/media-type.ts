import { closeSync, openSync, readSync } from "node:fs"

/** By the first bytes, so that no other file goes out under a picture's name. */
const signatures: readonly (readonly [mediaType: string, pattern: RegExp])[] = [
  ["image/png", /^\x89PNG\r\n/],
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/gif", /^GIF8[79]a/],
  ["image/webp", /^RIFF[\s\S]{4}WEBP/],
  ["application/pdf", /^%PDF-/],
  ["audio/wav", /^RIFF[\s\S]{4}WAVE/],
  ["audio/mpeg", /^(?:ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb])/],
  ["audio/flac", /^fLaC/],
  ["audio/ogg", /^OggS/],
]

/** `undefined` for what is no picture, PDF or sound. */
export function mediaTypeOf(path: string): string | undefined {
  const head = Buffer.alloc(16)
  const file = openSync(path, "r")
  try {
    readSync(file, head, 0, head.length, 0)
  } finally {
    closeSync(file)
  }
  const text = head.toString("latin1")
  return signatures.find(([, pattern]) => pattern.test(text))?.[0]
}
