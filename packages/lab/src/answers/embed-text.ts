/**
 * A vector for a text by feature hashing: each word adds or takes 1 at a place that its hash names; length 1.
 * Texts that share words are near each other, the same text is always the same vector. No model involved.
 *
 * @example
 * ```ts
 * embedText("cat", 4) // => [0, 0, 0, 1]
 * ```
 */
export function embedText(text: string, dimensions: number): number[] {
  const vector = Array.from({ length: dimensions }, () => 0)
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [text]) {
    const hash = fnv1a(word)
    const place = (hash >>> 1) % dimensions
    vector[place] = (vector[place] ?? 0) + (hash & 1 ? 1 : -1)
  }
  const length = Math.hypot(...vector)
  if (length > 0) return vector.map((value) => value / length)
  // Words that cancel each other out still need a direction.
  vector[0] = 1
  return vector
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}
