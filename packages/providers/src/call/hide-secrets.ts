/** Shorter than this a key is no secret, and words would be blanked out. */
const leastSecret = 4
const mark = "[redacted]"

/**
 * Blanks out what a vendor echoes of a call's own credentials, however it writes them: as they are, inside JSON, in an
 * address, and as the beginning of one where a message was cut.
 */
export function hideSecrets(credentials: readonly string[]): (text: string) => string {
  const forms = [
    ...new Set(
      credentials
        .map((each) => each.trim())
        .filter((each) => each.length >= leastSecret)
        .flatMap((each) => [each, JSON.stringify(each).slice(1, -1), encodeURIComponent(each.toWellFormed())]),
    ),
  ].toSorted((a, b) => b.length - a.length)
  return (text) => {
    const clean = forms.reduce((rest, form) => rest.replaceAll(form, mark), text)
    return clean.endsWith("…") ? withoutBeginning(clean, forms) : clean
  }
}

/** The same of credentials that are looked up once, when there is a first text: of most calls that nobody listens to nothing is told. */
export function hideLater(credentials: () => readonly string[]): (text: string) => string {
  let hide: ((text: string) => string) | undefined
  return (text) => (hide ??= hideSecrets(credentials()))(text)
}

function withoutBeginning(text: string, forms: readonly string[]): string {
  const kept = text.slice(0, -1)
  for (const form of forms) {
    for (let length = Math.min(form.length - 1, kept.length); length >= leastSecret; length--) {
      if (kept.endsWith(form.slice(0, length))) return `${kept.slice(0, -length)}${mark}…`
    }
  }
  return text
}
