/** A part of a path as it was meant; one that was not encoded rightly (`%E0%A4`) as it stands. */
export function decodedSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
