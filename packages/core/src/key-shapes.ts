// Keys as the vendors print them: OpenAI, Anthropic, Google, Groq, xAI, and whatever follows "Bearer". One may begin where a word
// does, or after an escape of JSON or of an address, which ends in a letter or a digit.
const keyShapes =
  /(?:\b|(?<=\\[bfnrt]|\\u[\da-fA-F]{4}|%[\da-fA-F]{2}))(?:(?:sk|gsk|xai|pk|rk)-[\w-]{16,}|AIza[\w-]{30,}|Bearer(?:\s|\\+[nrt]|%(?:20|0[9AD]))+[\w.~+/-]{8,}=*)/g

/** Without what has the shape of a vendor's key: in plain text, in JSON, which stays JSON, and in an address. */
export function hideKeyShapes(text: string): string {
  return text.replaceAll(keyShapes, "[redacted]")
}
