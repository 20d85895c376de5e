import { limitWords } from "../../page/src/chart/mark-words.ts"

/** `rate:inputTokens` as people say it. */
export function reasonWords(reason: string): string {
  const [what = "", dimension] = reason.split(":")
  return dimension === undefined ? limitWords(what) : `${limitWords(what)}, ${limitWords(dimension)}`
}
