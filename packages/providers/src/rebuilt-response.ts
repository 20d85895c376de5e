/**
 * A response whose body was read, as it was before: the same bytes, status, headers and URL.
 * (`content-encoding` stays in the headers although the bytes are decoded, as it does in any fetch.)
 */
export function rebuiltResponse(
  response: Response,
  body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | null,
): Response {
  const bodiless = response.status === 204 || response.status === 205 || response.status === 304
  const { status, statusText, headers, url, redirected } = response
  const rebuilt = new Response(bodiless ? null : body, { status, statusText, headers })
  Object.defineProperties(rebuilt, { url: { value: url }, redirected: { value: redirected } })
  return rebuilt
}
