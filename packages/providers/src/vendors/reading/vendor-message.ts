const secret = /\b(?:sk|pk|gsk|rk|xai)-[\w*-]{6,}|\bBearer [\w.*-]{8,}|\bAIza[\w-]{20,}|(?<![\w-])[\w-]*\*{3,}[\w-]*/g
const longest = 300
// Keys are looked for in a part that is longer than what is shown, so that none is cut before it is found.
const longestRead = 2_000

/**
 * A vendor's message, fit for events and errors: at most 300 characters, anything like a key blanked out.
 * Cost: bounded, however long the text.
 *
 * @example
 * ```ts
 * vendorMessage("Incorrect API key provided: sk-abc***xyz.") // => "Incorrect API key provided: [redacted]."
 * ```
 */
export function vendorMessage(message: unknown): string {
  if (typeof message !== "string") return ""
  const isCut = message.length > longestRead
  // The last word may be half a key.
  const read = isCut ? message.slice(0, longestRead).replace(/\S{1,500}$/, "") : message
  const clean = read.replace(secret, "[redacted]").replace(/\s+/g, " ").trim()
  return clean.length > longest || isCut ? `${clean.slice(0, longest - 3)}…` : clean
}
