/** How much prompt a request carries. */
export interface PromptSize {
  /** Characters of text: messages, instructions, tool definitions. */
  readonly textChars: number
  /** Images, sounds, files: their bytes say nothing about their tokens. */
  readonly mediaParts: number
}

const mediaKeys = new Set([
  "image_url",
  "input_audio",
  "file_data",
  "inlineData",
  "inline_data",
  "fileData",
  "file_data",
  "source",
])

/**
 * Measures the text of a request's parts, leaving out what is encoded media (base64 would count as a novel).
 * Cost: one walk over the parsed request, no copies.
 *
 * @example
 * ```ts
 * measurePrompt([{ role: "user", content: "hello" }]) // => { textChars: 9, mediaParts: 0 }
 * ```
 */
export function measurePrompt(...parts: readonly unknown[]): PromptSize {
  const size = { textChars: 0, mediaParts: 0 }
  for (const part of parts) walk(part, size, 0)
  return size
}

function walk(value: unknown, size: { textChars: number; mediaParts: number }, depth: number): void {
  if (typeof value === "string") {
    if (value.length > 64 && value.startsWith("data:")) size.mediaParts++
    else size.textChars += value.length
  } else if (typeof value === "number") {
    // Embedding inputs may be token ids: about four characters each.
    size.textChars += 4
  } else if (typeof value === "object" && value !== null && depth < 64) {
    if (Array.isArray(value)) {
      for (const element of value) walk(element, size, depth + 1)
      return
    }
    const record = value as Record<string, unknown>
    for (const key in record) {
      const field = record[key]
      if (mediaKeys.has(key) && typeof field === "object" && field !== null) size.mediaParts++
      else walk(field, size, depth + 1)
    }
  }
}
