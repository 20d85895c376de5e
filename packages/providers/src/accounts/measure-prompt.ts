/** How much prompt a request carries. */
export interface PromptSize {
  /** Characters of text: messages, instructions, tool definitions. */
  readonly textChars: number
  /**
   * Parts whose tokens nothing in the request tells: images, sounds, files, what is only named by an id, and what the
   * vendor's own tools will fetch.
   */
  readonly mediaParts: number
}

const mediaKeys = new Set(["image_url", "input_audio", "file_data", "inlineData", "inline_data", "fileData", "source"])

const referenceKeys = new Set([
  "previous_response_id",
  "conversation",
  "stored_prompt",
  "file_id",
  "file_uri",
  "fileUri",
  "cachedContent",
  "vector_store_ids",
  "mcp_servers",
  "googleSearch",
  "urlContext",
  "fileSearch",
])

/** An item by its id, and tools that run at the vendor and put what they find into the prompt. */
const fetchingType = /^(?:item_reference|web_search|web_fetch|file_search|code_interpreter|code_execution|mcp)\b/

/**
 * Measures the text of a request's parts, leaving out what is encoded media (base64 would count as a novel) and counting
 * apart what is not in the request at all.
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
  } else if (ArrayBuffer.isView(value)) {
    size.mediaParts++
  } else if (typeof value === "object" && value !== null && depth < 64) {
    if (Array.isArray(value)) {
      for (const element of value) walk(element, size, depth + 1)
      return
    }
    const record = value as Record<string, unknown>
    // A file as the AI SDK writes it.
    if (typeof record["mediaType"] === "string" && "data" in record) {
      size.mediaParts++
      return
    }
    for (const key in record) {
      const field = record[key]
      if (isUnmeasured(key, field)) size.mediaParts++
      else walk(field, size, depth + 1)
    }
  }
}

function isUnmeasured(key: string, field: unknown): boolean {
  if (key === "type") return typeof field === "string" && fetchingType.test(field)
  if (mediaKeys.has(key)) return typeof field === "object" && field !== null
  return referenceKeys.has(key) && field !== null && field !== undefined
}
