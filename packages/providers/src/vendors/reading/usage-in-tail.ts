const decoder = new TextDecoder()

/**
 * The usage object out of the end of a long JSON body, without parsing the megabytes of embeddings before it.
 * Returns `{ usage }` or `{ usageMetadata }`, `{}` when the end is well formed but holds neither, `undefined` when the
 * body does not end like JSON: then it was cut. A last line that is an object by itself (of a stream of JSON lines) is
 * returned whole.
 */
export function usageInTail(bytes: Uint8Array): unknown {
  const tail = decoder.decode(bytes.subarray(-4096)).trimEnd()
  if (!tail.endsWith("}") && !tail.endsWith("]")) return undefined
  const lastLine = objectOf(tail.slice(tail.lastIndexOf("\n") + 1))
  if (lastLine) return lastLine
  for (let end = tail.length; end > 0;) {
    const key = tail.lastIndexOf('"usage', end - 1)
    if (key < 0) return {}
    const found = fieldAt(tail, key)
    if (found) return found
    end = key
  }
  return {}
}

function objectOf(line: string): object | undefined {
  try {
    const value: unknown = line.startsWith("{") ? JSON.parse(line) : undefined
    return typeof value === "object" && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function fieldAt(tail: string, from: number): Record<string, unknown> | undefined {
  const start = /^"(usage|usageMetadata)"\s*:\s*(?=\{)/.exec(tail.slice(from, from + 100))
  if (!start) return undefined
  const text = objectAt(tail, from + start[0].length)
  try {
    return text === undefined ? undefined : { [start[1]!]: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}

/** The object that begins at `from`, up to the brace that closes it. */
function objectAt(text: string, from: number): string | undefined {
  let depth = 0
  let quoted = false
  for (let at = from; at < text.length; at++) {
    const char = text[at]
    if (quoted && char === "\\") at++
    else if (char === '"') quoted = !quoted
    else if (!quoted && char === "{") depth++
    else if (!quoted && char === "}" && --depth === 0) return text.slice(from, at + 1)
  }
  return undefined
}
