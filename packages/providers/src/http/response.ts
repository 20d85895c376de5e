interface Content {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The same, parsed: spares the caller a second parse. */
  readonly parsed: unknown
  used: boolean
  /** A response of its own, for whoever wants the body as a stream. */
  again: Response | undefined
}

// On the object itself: an entry in a WeakMap for each answer is work for the garbage collector.
const content: unique symbol = Symbol("content")
interface Refilled extends Response {
  [content]: Content
}
const decoder = new TextDecoder()

/** Statuses with which no response can be made that has a body, not even an empty one (Fetch standard, "null body status"). */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304])

/**
 * A response whose body was read, as if it had not been: the same object, status, headers and URL, and the bytes
 * again for whoever reads them, once. (A new `Response` would cost several times the CPU, and lose its `url`.)
 */
export function refilledResponse(response: Response, bytes: Uint8Array<ArrayBuffer>, parsed?: unknown): Response {
  ;(response as Refilled)[content] = { bytes, parsed, used: false, again: undefined }
  return Object.setPrototypeOf(response, RefilledResponse.prototype) as Response
}

function take(response: Refilled): Content {
  if (response.bodyUsed) throw new TypeError("Body is unusable: Body has already been read")
  response[content].used = true
  return response[content]
}

function again(response: Refilled): Response {
  const { status, statusText, headers } = response
  const body = bodiless.has(status) ? null : response[content].bytes
  return (response[content].again ??= new Response(body, { status, statusText, headers }))
}

// Never constructed: its methods lie over those of a response that exists already, hence the casts of `this`.
class RefilledResponse {
  get body(): Response["body"] {
    return again(self(this)).body
  }

  get bodyUsed(): boolean {
    const { used, again: rebuilt } = self(this)[content]
    return used || (rebuilt?.bodyUsed ?? false)
  }

  async json(): Promise<unknown> {
    const { parsed, bytes } = take(self(this))
    return parsed === undefined ? (JSON.parse(decoder.decode(bytes)) as unknown) : parsed
  }

  async text(): Promise<string> {
    return decoder.decode(take(self(this)).bytes)
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return take(self(this)).bytes
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return take(self(this)).bytes.buffer
  }

  async blob(): Promise<Blob> {
    return new Blob([take(self(this)).bytes], { type: self(this).headers.get("content-type") ?? "" })
  }

  formData(): ReturnType<Response["formData"]> {
    if (this.bodyUsed) return Promise.reject(new TypeError("Body is unusable: Body has already been read"))
    return again(self(this)).formData()
  }

  clone(): Response {
    if (this.bodyUsed) throw new TypeError("Response.clone: Body has already been consumed.")
    const { status, statusText, headers, url } = self(this)
    const clone = new Response(null, { status, statusText, headers })
    Object.defineProperty(clone, "url", { value: url })
    return refilledResponse(clone, self(this)[content].bytes.slice())
  }
}

Object.setPrototypeOf(RefilledResponse.prototype, Response.prototype)

function self(response: RefilledResponse): Refilled {
  return response as unknown as Refilled
}

/** A streamed response with another body in place of its own, which is being read: same status, headers and URL. */
export function rebodiedResponse(response: Response, body: ReadableStream<Uint8Array<ArrayBuffer>>): Response {
  const { status, statusText, headers, url, redirected } = response
  const rebodied = new Response(body, { status, statusText, headers })
  return Object.defineProperties(rebodied, { url: { value: url }, redirected: { value: redirected } })
}

/** An error that came inside an answer, as the answer of its own that it would have been. */
export function errorResponse(status: number, bytes: Uint8Array<ArrayBuffer>, response: Response): Response {
  const headers = new Headers(response.headers)
  headers.set("content-type", "application/json")
  for (const name of ["content-length", "content-encoding"]) headers.delete(name)
  const built = new Response(bytes, { status, headers })
  return Object.defineProperty(built, "url", { value: response.url })
}

/** The response without the headers that only we may set: a vendor that sends them is not taken for us. */
export function withoutOurHeaders(response: Response): Response {
  const ours = [...response.headers.keys()].filter((name) => name.startsWith("x-sluice-"))
  if (ours.length === 0) return response
  const { status, statusText, url, redirected, body } = response
  const headers = new Headers(response.headers)
  for (const name of ours) headers.delete(name)
  const clean = new Response(body, { status, statusText, headers })
  return Object.defineProperties(clean, { url: { value: url }, redirected: { value: redirected } })
}
