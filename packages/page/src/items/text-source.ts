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

export function longText(text: string): LongText {
  return { text: text.slice(0, shownLength), length: text.length }
}

/** More of an error says no more. */
export const errorLength = 20_000

export function beginning(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text
}
