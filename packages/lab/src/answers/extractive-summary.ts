import { checkOptions, count } from "@sluice/core/internal"
import { countTokens, cutToTokens } from "./token-count.ts"
import { plainText } from "./plain-text.ts"

/** How much an extractive summary may hold. */
export interface ExtractiveSummaryOptions {
  /** Tokens as `countTokens` counts them. */
  readonly maxTokens?: number
  /** Default 3. */
  readonly maxSentences?: number
}

/** Sentences beyond these are not ranked: the graph grows with the square. */
const MAX_RANKED = 600
const DAMPING = 0.85
const SEGMENTER = new Intl.Segmenter("en", { granularity: "sentence" })
const STOP_WORDS = new Set(
  (
    "a about after all also an and any are as at be because been but by can could did do does for from had has have he her his how i if in into is it its " +
    "just like may more most no not of on one only or other our out over she should so some such than that the their them then there these they this to " +
    "too up us use used using very was we were what when which who will with would you your"
  ).split(" "),
)

/**
 * A genuine summary without a model: the sentences of the text that most others resemble, in their order.
 * Sentences are nodes, shared words are edges (divided by the logarithms of both lengths), PageRank ranks them
 * (TextRank, Mihalcea and Tarau 2004). Markdown is reduced to its prose first. Deterministic.
 * A text without sentences (only code, only a table) is answered by its beginning.
 *
 * @example
 * ```ts
 * extractiveSummary("Queues hold calls. Calls wait in queues. The weather is fine.", { maxSentences: 1 })
 * // => "Queues hold calls."
 * ```
 */
export function extractiveSummary(markdown: string, options: ExtractiveSummaryOptions = {}): string {
  checkOptions("extractiveSummary", options, { maxTokens: count(), maxSentences: count() })
  const { maxTokens = Infinity, maxSentences = 3 } = options
  const sentences = sentencesOf(plainText(markdown)).slice(0, MAX_RANKED)
  if (sentences.length === 0) return cutToTokens(markdown.replace(/\s+/g, " ").trim().slice(0, 400), maxTokens)

  const words = sentences.map(wordsOf)
  const scores = rank(similarities(words))
  const byScore = [...sentences.keys()].toSorted((a, b) => scores[b]! - scores[a]! || a - b)
  const chosen: number[] = []
  const text = (): string => chosen.map((index) => sentences[index]!).join(" ")
  for (const index of byScore) {
    if (chosen.length >= maxSentences) break
    if (chosen.some((other) => overlap(words[index]!, words[other]!) > 0.6)) continue
    const place = chosen.findIndex((other) => other > index)
    chosen.splice(place === -1 ? chosen.length : place, 0, index)
    if (countTokens(text()) > maxTokens) chosen.splice(chosen.indexOf(index), 1)
  }
  return chosen.length > 0 ? text() : cutToTokens(sentences[byScore[0]!]!, maxTokens)
}

function sentencesOf(text: string): string[] {
  return text
    .split("\n\n")
    .flatMap((paragraph) => Array.from(SEGMENTER.segment(paragraph), ({ segment }) => segment.trim()))
    .filter((sentence) => sentence.length <= 600 && (sentence.match(/[\p{L}\p{N}]{2,}/gu)?.length ?? 0) >= 3)
}

function wordsOf(sentence: string): Set<string> {
  const words = sentence.toLowerCase().match(/[\p{L}\p{N}]{2,}/gu) ?? []
  // A plural counts as its singular: enough of a stemmer for resemblance.
  return new Set(
    words.filter((word) => !STOP_WORDS.has(word)).map((word) => (word.length > 3 ? word.replace(/s$/, "") : word)),
  )
}

/** The weighted graph as an n × n matrix, built from an inverted index so that strangers cost nothing. */
function similarities(words: readonly ReadonlySet<string>[]): Float64Array[] {
  const sentencesWith = new Map<string, number[]>()
  words.forEach((set, index) => {
    for (const word of set) {
      const list = sentencesWith.get(word)
      if (list) list.push(index)
      else sentencesWith.set(word, [index])
    }
  })
  const matrix = words.map(() => new Float64Array(words.length))
  for (const list of sentencesWith.values()) {
    for (const a of list) for (const b of list) if (a !== b) matrix[a]![b]! += 1
  }
  matrix.forEach((row, a) => {
    for (let b = 0; b < row.length; b++)
      if (row[b]! > 0) row[b]! /= Math.log(words[a]!.size + 1) + Math.log(words[b]!.size + 1)
  })
  return matrix
}

function rank(matrix: readonly Float64Array[]): Float64Array {
  const n = matrix.length
  const weightOut = matrix.map((row) => row.reduce((sum, weight) => sum + weight, 0))
  let scores = new Float64Array(n).fill(1)
  for (let round = 0; round < 50; round++) {
    const next = new Float64Array(n).fill(1 - DAMPING)
    for (let from = 0; from < n; from++) {
      if (weightOut[from] === 0) continue
      const share = (DAMPING * scores[from]!) / weightOut[from]!
      const row = matrix[from]!
      for (let to = 0; to < n; to++) next[to]! += share * row[to]!
    }
    const change = next.reduce((most, score, index) => Math.max(most, Math.abs(score - scores[index]!)), 0)
    scores = next
    if (change < 1e-4) break
  }
  return scores
}

function overlap(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  const shared = [...a].filter((word) => b.has(word)).length
  return shared / Math.max(1, Math.min(a.size, b.size))
}
