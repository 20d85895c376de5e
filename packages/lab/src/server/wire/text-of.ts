/**
 * The text of a message's content, in whichever of the vendors' shapes: a string, a list of parts,
 * a part with `text`, `content`, `output`, `input` or `arguments`. Images and files count as nothing.
 */
export function textOf(content: unknown): string {
  if (typeof content === "string") return content
  if (Array.isArray(content)) return content.map(textOf).filter(Boolean).join("\n")
  if (typeof content !== "object" || content === null) return ""
  const part = content as Record<string, unknown>
  for (const key of ["text", "content", "parts", "output", "arguments"]) {
    if (key in part) return textOf(part[key])
  }
  for (const key of ["input", "function", "functionCall", "functionResponse"]) {
    if (key in part) return JSON.stringify(part[key])
  }
  return ""
}
