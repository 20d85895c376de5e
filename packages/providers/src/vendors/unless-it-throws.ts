/** A vendor's reading of what it was sent, or nothing where it fails: no answer is lost, and no permit kept, for that. */
export function unlessItThrows<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
