/** A request's body as far as admission could read it, and the form in which it can be sent again. */
export interface SentBody {
  /** Parsed JSON, or `undefined` when it is something else. */
  readonly json: unknown
  /** The texts of a form. */
  readonly fields?: Readonly<Record<string, string>>
  /** As it is sent, where it was read. */
  readonly text?: string
  /** What to hand to `fetch`; `undefined` leaves the caller's own in place. */
  readonly replacement?: Uint8Array<ArrayBuffer>
  /** A stream that was not read can be sent once. */
  readonly repeatable: boolean
}

const decoder = new TextDecoder()

/**
 * Reads a body without spending it, at once where it can. Strings and bytes stay the caller's; a stream or a `Request` of
 * JSON is buffered, because another attempt needs it again; everything else is left alone. Rejects with `signal.reason`.
 */
export function readBody(
  body: unknown,
  isJson: () => boolean,
  /** Ends the reading of a stream. */
  signal: () => AbortSignal,
): SentBody | Promise<SentBody> {
  if (typeof body === "string") return ofText(body)
  if (body instanceof Uint8Array || body instanceof ArrayBuffer) return ofText(decoder.decode(body))
  if (body instanceof Blob) return isJson() ? readBlob(body) : { json: undefined, repeatable: true }
  if (body instanceof ReadableStream || body instanceof Request)
    return isJson()
      ? readStream(body instanceof Request ? body.body : body, signal())
      : { json: undefined, repeatable: false }
  if (body instanceof FormData) return { json: undefined, fields: textsOf(body), repeatable: true }
  // FormData and URLSearchParams are objects that fetch reads anew each time; an async iterable is not.
  const once = typeof body === "object" && body !== null && Symbol.asyncIterator in body
  return { json: undefined, repeatable: !once }
}

async function readBlob(body: Blob): Promise<SentBody> {
  return ofText(await body.text())
}

async function readStream(body: ReadableStream | null, signal: AbortSignal): Promise<SentBody> {
  const replacement = await readWhole(body, signal)
  return { ...ofText(decoder.decode(replacement)), replacement }
}

/** All bytes of a stream, which the caller may never end. Rejects with `signal.reason`, and cancels the stream then. */
export async function readWhole(body: ReadableStream | null, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const read = body?.pipeThrough(new TransformStream(), { signal })
  return new Uint8Array(await new Response(read ?? null).arrayBuffer())
}

function ofText(text: string): SentBody {
  return { json: parse(text), text, repeatable: true }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function textsOf(form: FormData): Record<string, string> {
  return Object.fromEntries([...form].filter((field): field is [string, string] => typeof field[1] === "string"))
}
