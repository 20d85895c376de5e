/** English and Markdown have about four characters to a token; good enough to size a part. */
const charactersPerToken = 4

/** Where a document may be cut, best first: before a heading, after a blank line, after a line, anywhere. */
const boundaries: readonly RegExp[] = [/^(?=#{1,6} )/m, /(?<=\n[ \t]*\n)/, /(?<=\n)/, /(?<=[.!?] )/]

/**
 * Cuts a document into parts of at most `maxTokens` (estimated), at headings where it can, else at paragraphs, lines, sentences.
 * Nothing is lost: the parts joined are the document.
 *
 * @example
 * ```ts
 * splitDocument("# A\n\ntext\n\n# B\n\ntext\n", 4) // => ["# A\n\ntext\n\n", "# B\n\ntext\n"]
 * ```
 */
export function splitDocument(text: string, maxTokens: number): string[] {
  return splitAt(text, maxTokens * charactersPerToken, 0)
}

function splitAt(text: string, maxLength: number, level: number): string[] {
  if (text.length <= maxLength) return [text]
  const boundary = boundaries[level]
  if (boundary === undefined) return cut(text, maxLength)
  const parts: string[] = []
  let current = ""
  for (const piece of text.split(boundary)) {
    if (current.length + piece.length <= maxLength) {
      current += piece
      continue
    }
    if (current !== "") parts.push(current)
    current = ""
    const smaller = splitAt(piece, maxLength, level + 1)
    current = smaller.pop() ?? ""
    parts.push(...smaller)
  }
  if (current !== "") parts.push(current)
  return parts
}

function cut(text: string, maxLength: number): string[] {
  const parts: string[] = []
  for (let start = 0; start < text.length;) {
    let end = Math.min(text.length, start + maxLength)
    // Never through the middle of a character that takes two units.
    if (end < text.length && /[\uD800-\uDBFF]/.test(text.charAt(end - 1)) && end - 1 > start) end--
    parts.push(text.slice(start, end))
    start = end
  }
  return parts
}
