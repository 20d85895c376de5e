import type { LongText } from "../wire.ts"
import type { TextSearch } from "./text-search.ts"

/** What was asked and answered, whole. */
export interface ItemTexts {
  readonly asked?: string
  readonly answered?: string
  readonly error?: string
  readonly model?: string
  readonly requestId?: string
  readonly settledWallMs?: number
  readonly schema?: { readonly fits: boolean; readonly says?: string }
}

/** Where texts of items are kept. */
export interface TextSource {
  preview(node: string, index: number): { key?: string; input?: string; output?: string } | undefined
  texts(node: string, index: number): ItemTexts | undefined
  search(text: string, rowOf: (node: string, index: number) => number | undefined): TextSearch
}

/** So much of a text is shown at once: what is longer is asked for. */
const shownLength = 200_000

/** Takes keys out of a text. */
export type Redact = (text: string) => string

/** What is cut is redacted before: of a key that is cut in half nobody knows that it is one. */
export function longText(text: string, redact: Redact): LongText {
  const shown = text.length > shownLength ? redact(text).slice(0, shownLength) : text
  return { text: shown, length: text.length }
}

/** More of an error says no more. */
export const errorLength = 20_000

/** The same of a text whose rest nobody asks for. */
export function beginning(text: string, length: number, redact: Redact): string {
  if (text.length <= length) return text
  const clean = redact(text)
  return clean.length > length ? `${clean.slice(0, length)}…` : clean
}
