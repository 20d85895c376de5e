// Where a key may begin: at a word's beginning, or after an escape of JSON or of an address, which ends in a letter or a digit.
const start = String.raw`(?:\b|(?<=\\[bfnrt]|\\u[\da-fA-F]{4}|%[\da-fA-F]{2}))`
// Keys as the vendors print them: OpenAI, Anthropic, Google, Groq, xAI, and whatever follows "Bearer".
const shapes = [
  String.raw`(?:sk|gsk|xai|pk|rk)-[\w-]{16,}`,
  String.raw`AIza[\w-]{30,}`,
  String.raw`Bearer(?:\s|\\+[nrt]|%(?:20|0[9AD]))+[\w.~+/-]{8,}=*`,
]
const keyShapes = new RegExp(shapes.map((shape) => start + shape).join("|"), "g")

/** Without what has the shape of a vendor's key: in plain text, in JSON, which stays JSON, and in an address. */
export function hideKeyShapes(text: string): string {
  return text.replaceAll(keyShapes, "[redacted]")
}
