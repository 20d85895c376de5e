const decoder = new TextDecoder()

/**
 * The usage object out of the end of a long JSON body, without parsing the megabytes of embeddings before it.
 * Answers `{ usage }` or `{ usageMetadata }`, `{}` when the end is well formed but holds neither, `undefined` when the
 * body does not end like JSON: then it was cut. A last line that is an object by itself (of a stream of JSON lines) is
 * returned whole.
 */
export function usageInTail(bytes: Uint8Array): unknown {
  const tail = decoder.decode(bytes.subarray(-4096)).trimEnd()
  if (!tail.endsWith("}") && !tail.endsWith("]")) return undefined
  const lastLine = objectOf(tail.slice(tail.lastIndexOf("\n") + 1))
  if (lastLine) return lastLine
  const found = /.*"(usage|usageMetadata)"\s*:\s*(?=\{)/s.exec(tail)
  if (!found) return {}
  const from = found[0].length
  for (let to = tail.indexOf("}", from); to >= 0; to = tail.indexOf("}", to + 1)) {
    try {
      return { [found[1]!]: JSON.parse(tail.slice(from, to + 1)) as unknown }
    } catch {
      // Not its last brace yet.
    }
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
