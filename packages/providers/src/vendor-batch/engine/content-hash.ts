/** A hash of everything that decides the answer to a request. */
export async function contentHash(vendor: string, path: string, json: unknown): Promise<string> {
  const text = new TextEncoder().encode(`${vendor}\n${path}\n${JSON.stringify(json)}`)
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text))
  // 128 bits: vendors take names of 64 characters, and two requests must never be taken for one another.
  return Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("")
}
