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

interface Changes {
  readonly status?: number
  readonly headers?: Headers
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Whether it sends the call elsewhere, as far as a browser tells. */
export function isRedirect({ status, type }: Response): boolean {
  return redirects.has(status) || type === "opaqueredirect"
}

/** A response like another one, with another body. Of any status: servers send 600 and 999 too, which the constructor refuses. */
function responseLike(
  response: Response,
  body: Response["body"] | Uint8Array<ArrayBuffer>,
  changes: Changes = {},
): Response {
  const { status = response.status, headers = response.headers } = changes
  const isUsual = status >= 200 && status <= 599
  const built = new Response(bodiless.has(status) ? null : body, { status: isUsual ? status : 500, headers })
  const { url, redirected } = response
  const own: Record<string, unknown> = {
    url,
    redirected,
    status,
    statusText: changes.status === undefined ? response.statusText : "",
    clone: () => responseLike(built, Response.prototype.clone.call(built).body),
  }
  for (const [name, value] of Object.entries(own)) Object.defineProperty(built, name, { value, configurable: true })
  return built
}

/**
 * A response whose body was read, as if it had not been: the same object, status, headers and URL, and the bytes
 * again for whoever reads them, once. (A new `Response` would cost several times the CPU, and lose its `url`.)
 */
export function refilledResponse(response: Response, bytes: Uint8Array<ArrayBuffer>, parsed?: unknown): Response {
  ;(response as Refilled)[content] = { bytes, parsed, used: false, again: undefined }
  // Of one that was built here.
  Reflect.deleteProperty(response, "clone")
  // Not as the module is loaded: to name `Response` makes Node load all of undici, a third of what `import "sluice"` took.
  if (!(RefilledResponse.prototype instanceof Response)) {
    Object.setPrototypeOf(RefilledResponse.prototype, Response.prototype)
  }
  return Object.setPrototypeOf(response, RefilledResponse.prototype) as Response
}

/** JSON, or an error that quotes nothing: a vendor may have echoed the key there. */
export function parseAnswer(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch {
    throw new SyntaxError("the vendor's answer is not JSON")
  }
}

function take(response: Refilled): Content {
  if (response.bodyUsed) throw new TypeError("Body is unusable: Body has already been read")
  response[content].used = true
  return response[content]
}

function again(response: Refilled): Response {
  return (response[content].again ??= responseLike(response, response[content].bytes))
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
    return parsed === undefined ? parseAnswer(bytes) : parsed
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
    return refilledResponse(responseLike(self(this), null), self(this)[content].bytes.slice())
  }
}

function self(response: RefilledResponse): Refilled {
  return response as unknown as Refilled
}

/** A streamed response with another body in place of its own, which is being read: same status, headers and URL. */
export function rebodiedResponse(response: Response, body: ReadableStream<Uint8Array<ArrayBuffer>>): Response {
  return responseLike(response, body)
}

/** An error that came inside an answer, as the answer of its own that it would have been. */
export function errorResponse(status: number, bytes: Uint8Array<ArrayBuffer>, response: Response): Response {
  const headers = new Headers(response.headers)
  headers.set("content-type", "application/json")
  for (const name of ["content-length", "content-encoding"]) headers.delete(name)
  return responseLike(response, bytes, { status, headers })
}

/** The response with one more header. */
export function markedResponse(response: Response, name: string, value: string): Response {
  const headers = new Headers(response.headers)
  headers.set(name, value)
  const known = (response as Partial<Refilled>)[content]
  if (!known || known.used) return responseLike(response, response.body, { headers })
  return refilledResponse(responseLike(response, null, { headers }), known.bytes, known.parsed)
}

/** The response without the headers that only we may set: a vendor that sends them is not taken for us. */
export function withoutOurHeaders(response: Response): Response {
  const ours = [...response.headers.keys()].filter((name) => name.startsWith("x-sluice-"))
  if (ours.length === 0) return response
  const headers = new Headers(response.headers)
  for (const name of ours) headers.delete(name)
  return responseLike(response, response.body, { headers })
}
