/** ` Did you mean "…"?` for a misspelt name, or nothing. */
export function nearest(name: string, known: readonly string[]): string {
  const best = nearestName(name, known)
  return best === undefined ? "" : ` Did you mean "${best}"?`
}

/** The name that was misspelt, if it is near enough to be one of these. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  // Two swapped letters are two edits; a name that is replaced altogether is no misspelling.
  let least = Math.min(name.length, Math.max(2, Math.floor(name.length / 3)) + 1)
  for (const candidate of known) {
    const edits = distance(name, candidate)
    if (edits < least) {
      least = edits
      best = candidate
    }
  }
  return best
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (const [i, letter] of Array.from(a).entries()) {
    const next = [i + 1]
    for (const [j, other] of Array.from(b).entries()) {
      const replaced = row[j]! + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, row[j + 1]! + 1, next[j]! + 1))
    }
    row = next
  }
  return row.at(-1)!
}
