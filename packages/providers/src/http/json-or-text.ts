/** A body as JSON where it is that, as the text that it is otherwise, and `undefined` where there is none. */
export function jsonOrText(text: string): unknown {
  if (text === "") return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
