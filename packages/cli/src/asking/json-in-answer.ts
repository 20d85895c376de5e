import { parseExactJson } from "@sluice/journal"
import { isDeeper, maxNesting } from "../input/read-json.ts"

/**
 * The JSON that an answer means, with its digits: the whole of it, what follows its thinking, what stands in a fence, what
 * lies between the first brace and the last. The first that `problemOf` finds nothing wrong with, else the first at all.
 */
export function jsonInAnswer(
  text: string,
  problemOf: (value: unknown) => string | undefined,
): { readonly value: unknown } | { readonly problem: string } {
  let problem: string | undefined
  for (const candidate of candidates(text)) {
    let value: unknown
    try {
      value = JSON.parse(candidate)
    } catch {
      continue
    }
    const wrong = isDeeper(value, maxNesting) ? `it is nested more than ${maxNesting} deep` : problemOf(value)
    if (wrong === undefined) return { value: parseExactJson(candidate) }
    problem ??= wrong
  }
  return { problem: problem ?? "it is not JSON" }
}

const thinking = ["</think>", "</thinking>", "</thought>", "</reasoning>"]

function* candidates(text: string): Generator<string> {
  yield text
  const end = Math.max(...thinking.map((tag) => endOf(text, tag)))
  const said = text.slice(Math.max(0, end))
  if (end >= 0) yield said
  // What is odd stands between fences; the last is the likeliest.
  const parts = said.split("```")
  for (let at = parts.length - 1 - (parts.length % 2); at > 0; at -= 2) {
    yield (parts[at] ?? "").replace(/^[ \t]*(?:\w+[ \t]*)?\r?\n/, "")
  }
  for (const [open, close] of ["{}", "[]"]) {
    const [from, to] = [said.indexOf(open ?? ""), said.lastIndexOf(close ?? "")]
    if (from >= 0 && to > from) yield said.slice(from, to + 1)
  }
  // Braces stood in the words before it.
  const line = Math.max(said.lastIndexOf("\n{"), said.lastIndexOf("\n["))
  if (line >= 0) yield said.slice(line)
}

function endOf(text: string, tag: string): number {
  const at = text.lastIndexOf(tag)
  return at < 0 ? at : at + tag.length
}
