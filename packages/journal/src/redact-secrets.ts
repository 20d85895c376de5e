// Keys as the vendors print them: OpenAI, Anthropic, Google, Groq, xAI, and whatever follows "Bearer".
const keyShapes = /\b(?:sk|gsk|xai|pk|rk)-[\w-]{16,}|\bAIza[\w-]{30,}|\bBearer\s+[\w.~+/-]{8,}=*/g

/**
 * Removes keys from text that is about to be stored or shown: those listed, and everything that has the shape of a
 * vendor's key.
 *
 * @example
 * ```ts
 * redactSecrets("401 for sk-proj-abcdefghijklmnop1234", []) // => "401 for [redacted]"
 * redactSecrets("token is hunter2hunter2", ["hunter2hunter2"]) // => "token is [redacted]"
 * ```
 */
export function redactSecrets(text: string, secrets: readonly string[]): string {
  let clean = text
  for (const secret of secrets) clean = clean.replaceAll(secret, "[redacted]")
  return clean.replaceAll(keyShapes, "[redacted]")
}
