/** A request's body as far as admission could read it, and the form in which it can be sent again. */
export interface SentBody {
  /** Parsed JSON, or `undefined` when it is something else. */
  readonly json: unknown
  /** What to hand to `fetch`; `undefined` leaves the caller's own in place. */
  readonly replacement?: Uint8Array<ArrayBuffer>
  /** A stream that was not read can be sent once. */
  readonly repeatable: boolean
}

const decoder = new TextDecoder()

/**
 * Reads a body without spending it. Strings and bytes stay the caller's; a stream or a `Request` of JSON is
 * buffered, because another attempt needs it again; everything else is left alone.
 */
export async function readBody(body: unknown, isJson: boolean): Promise<SentBody> {
  if (typeof body === "string") return { json: parse(body), repeatable: true }
  if (body instanceof Uint8Array || body instanceof ArrayBuffer)
    return { json: parse(decoder.decode(body)), repeatable: true }
  if (body instanceof Blob) return { json: isJson ? parse(await body.text()) : undefined, repeatable: true }
  if (body instanceof ReadableStream || body instanceof Request) {
    if (!isJson) return { json: undefined, repeatable: false }
    const replacement = new Uint8Array(await new Response(body instanceof Request ? body.body : body).arrayBuffer())
    return { json: parse(decoder.decode(replacement)), replacement, repeatable: true }
  }
  // FormData and URLSearchParams are objects that fetch reads anew each time; an async iterable is not.
  const once = typeof body === "object" && body !== null && Symbol.asyncIterator in body
  return { json: undefined, repeatable: !once }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
