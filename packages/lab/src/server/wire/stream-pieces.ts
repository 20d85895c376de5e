import { CHARACTERS_PER_TOKEN } from "../../answers/token-count.ts"

/** Writes closer together than this cost more than they show. */
const SMALLEST_GAP_MS = 8
/** Tokens in a piece when there is no pace. */
const UNPACED_TOKENS = 8

/** A part of a streamed answer and the time that passes before it. */
export interface StreamPiece {
  readonly text: string
  readonly waitMs: number
}

/** Cuts a text so that it arrives at `msPerToken`, in pieces of whole tokens. */
export function* streamPieces(text: string, msPerToken: number): Generator<StreamPiece> {
  const tokens = msPerToken > 0 ? Math.max(1, Math.ceil(SMALLEST_GAP_MS / msPerToken)) : UNPACED_TOKENS
  const size = tokens * CHARACTERS_PER_TOKEN
  for (let start = 0; start < text.length;) {
    const splitsPair = /[\uD800-\uDBFF]/.test(text.charAt(start + size - 1)) && start + size < text.length
    const end = Math.min(text.length, start + size + (splitsPair ? 1 : 0))
    yield { text: text.slice(start, end), waitMs: (msPerToken * (end - start)) / CHARACTERS_PER_TOKEN }
    start = end
  }
}
