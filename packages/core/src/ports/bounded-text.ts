/** What an error says at most, where it is kept or sent. */
const most = 10_000

/** Of a text that is longer the beginning, and how long it was. Keys are taken out before: half a one is not known as one. */
export function boundedText(text: string): string {
  if (text.length <= most) return text
  const end = `… (cut: it has ${text.length} characters)`
  return text.slice(0, most - end.length).toWellFormed() + end
}
