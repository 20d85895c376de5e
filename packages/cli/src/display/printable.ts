import { stripVTControlCharacters } from "node:util"

/** One line without control characters: names and vendors' words must not steer the terminal. */
export function printable(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/[\p{Cc}\u2028\u2029]+/gu, " ")
    .trim()
}
