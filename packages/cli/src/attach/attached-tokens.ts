import { readFileSync } from "node:fs"
import { imageSize } from "image-size"
import type { Attachment } from "./attachments.ts"

// What vendors' pages on prices say of pictures, documents and sounds, read 2026-11. Nobody but the vendor knows to the token.

/** About how many tokens a file adds to a prompt. */
export function attachedTokens({ path, bytes, mediaType }: Attachment, vendor: string, model: string): number {
  if (mediaType === "application/pdf") return pagesIn(path) * (vendor === "google" ? 258 : 2_000)
  if (mediaType.startsWith("audio/"))
    return Math.ceil(secondsIn(path, bytes, mediaType) * (vendor === "google" ? 32 : 10))
  const { width, height } = sizeOf(path)
  if (vendor === "anthropic") return anthropicTokens(width, height)
  if (vendor === "google") return geminiTokens(width, height)
  return openaiTokens(width, height, model)
}

/** Where it cannot be told: the size to which vendors shrink large ones. */
const unknownSize = { width: 1_024, height: 1_024 }

function sizeOf(path: string): { readonly width: number; readonly height: number } {
  try {
    return imageSize(readFileSync(path))
  } catch {
    return unknownSize
  }
}

/** 750 pixels a token, once the longer side is at most 1,568. */
function anthropicTokens(width: number, height: number): number {
  const scale = Math.min(1, 1_568 / Math.max(width, height))
  return Math.min(1_600, Math.ceil((width * height * scale * scale) / 750))
}

/** 258 for a small one, else for each tile of 768. */
function geminiTokens(width: number, height: number): number {
  if (width <= 384 && height <= 384) return 258
  return Math.ceil(width / 768) * Math.ceil(height / 768) * 258
}

/** Small models count patches of 32, at most 1,536 of them, times a factor; large ones tiles of 512 and something for all. */
function openaiTokens(width: number, height: number, model: string): number {
  if (/mini|nano/.test(model)) {
    const patches = Math.min(1_536, Math.ceil(width / 32) * Math.ceil(height / 32))
    return Math.ceil(patches * (model.includes("nano") ? 2.46 : 1.62))
  }
  const fit = Math.min(1, 2_048 / Math.max(width, height))
  const shrunk = fit * Math.min(1, 768 / (Math.min(width, height) * fit))
  const tiles = Math.ceil((width * shrunk) / 512) * Math.ceil((height * shrunk) / 512)
  return model.startsWith("gpt-5") ? 70 + 140 * tiles : 85 + 170 * tiles
}

/** As many as are named in the clear; where they are packed, what files of that size have. */
function pagesIn(path: string): number {
  const bytes = readFileSync(path)
  const named = bytes.toString("latin1").match(/\/Type\s*\/Page(?![a-z])/gi)?.length ?? 0
  return named || Math.max(1, Math.ceil(bytes.length / 50_000))
}

/** A WAV says how many bytes a second has; other sounds are taken for 128 kbit/s. */
function secondsIn(path: string, bytes: number, mediaType: string): number {
  if (mediaType !== "audio/wav") return bytes / 16_000
  // Its head is 44 bytes.
  const perSecond = readFileSync(path).readUInt32LE(28)
  return perSecond > 0 ? (bytes - 44) / perSecond : 0
}
