/** The first argument of `fetch`. */
export type FetchInput = string | URL | Request

/** The address of a request, or `undefined` where it is relative or no URL at all: that is nobody's model call. */
export function urlOf(input: FetchInput): URL | undefined {
  if (input instanceof URL) return input
  const text = typeof input === "string" ? input : input.url
  return URL.parse(text) ?? undefined
}

/** The method that `fetch(input, init)` uses. */
export function methodOf(input: FetchInput, init: RequestInit | undefined): string {
  return (init?.method ?? (input instanceof Request ? input.method : "GET")).toUpperCase()
}

/** Reads one header of `fetch(input, init)`, in whatever form it was given. */
export function headerReader(input: FetchInput, init: RequestInit | undefined): (name: string) => string | null {
  const given = init?.headers ?? (input instanceof Request ? input.headers : undefined)
  if (given instanceof Headers) return (name) => given.get(name)
  if (given === undefined) return () => null
  const pairs = Array.isArray(given) ? given : Object.entries(given)
  return (name) => {
    const found = pairs.find(([key]) => key.length === name.length && key.toLowerCase() === name)
    return found?.[1] ?? null
  }
}

/** The `init` of the same request with one more header. */
export function withHeader(input: FetchInput, init: RequestInit | undefined, name: string, value: string): RequestInit {
  const given = init?.headers ?? (input instanceof Request ? input.headers : {})
  if (Array.isArray(given)) return { ...init, headers: [...given, [name, value]] }
  if (!(given instanceof Headers)) return { ...init, headers: { ...given, [name]: value } }
  const headers = new Headers(given)
  headers.set(name, value)
  return { ...init, headers }
}

const plainName = /^[\w-]+$/
const plainValue = /^[ -~]*$/

/** An address and headers that every `fetch` sends: `checkSendable`, which looks closer, has nothing to say of them. */
export function isPlainRequest({ username, password }: URL, init: RequestInit | undefined): boolean {
  if (username !== "" || password !== "") return false
  const given = init?.headers
  if (!given || given instanceof Headers) return true
  const pairs = (Array.isArray(given) ? given : Object.entries(given)) as readonly [string, unknown][]
  return pairs.every(([name, value]) => plainName.test(name) && plainValue.test(String(value)))
}
