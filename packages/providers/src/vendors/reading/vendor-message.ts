const secret = /\b(?:sk|pk|gsk|rk|xai)-[\w*-]{6,}|\bBearer [\w.*-]{8,}|\bAIza[\w-]{20,}|[\w-]*\*{3,}[\w-]*/g

/**
 * A vendor's message, fit for events and errors: at most 300 characters, anything like a key blanked out.
 *
 * @example
 * ```ts
 * vendorMessage("Incorrect API key provided: sk-abc***xyz.") // => "Incorrect API key provided: [redacted]."
 * ```
 */
export function vendorMessage(message: unknown): string {
  if (typeof message !== "string") return ""
  const clean = message.replace(secret, "[redacted]").replace(/\s+/g, " ").trim()
  return clean.length > 300 ? `${clean.slice(0, 297)}…` : clean
}
