/** A body as far as it was read. */
export interface ReadBytes {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** There was more than the limit, and the rest was not fetched. */
  readonly isCut: boolean
}

/** Bytes. What a vendor says of an error fits in a page. */
export const longestError = 1_048_576

/** Reads a body up to a limit, whatever it says of its own length and however it is compressed. */
export async function readAtMost(response: Response, maxBytes: number): Promise<ReadBytes> {
  const told = response.headers.get("content-encoding") === null ? response.headers.get("content-length") : null
  if (told !== null && Number(told) <= maxBytes)
    return { bytes: new Uint8Array(await response.arrayBuffer()), isCut: false }
  const reader = response.body?.getReader()
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let length = 0
  while (reader && length <= maxBytes) {
    const { done, value } = await reader.read()
    if (done) return { bytes: joined(chunks, length), isCut: false }
    chunks.push(value)
    length += value.length
  }
  if (!reader) return { bytes: new Uint8Array(0), isCut: false }
  // Nothing waits for it: a connection that does not let go ends with its call.
  reader.cancel().catch(() => {})
  return { bytes: joined(chunks, length).subarray(0, maxBytes), isCut: true }
}

function joined(chunks: readonly Uint8Array<ArrayBuffer>[], length: number): Uint8Array<ArrayBuffer> {
  if (chunks.length === 1) return chunks[0]!
  const all = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}
