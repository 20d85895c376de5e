import { type FetchInput, methodOf } from "../request.ts"
import { isRedirect } from "../response.ts"
import { RefusedHere } from "./refused-here.ts"

// As many as browsers follow.
const mostRedirects = 20

/** Sends one request. @throws what `fetch` throws, or RefusedHere for one that can never be sent. */
export type Send = (to: FetchInput, how: RequestInit) => Promise<Response>

/** Goes where an answer sends the call, as `fetchOnOrigin` tells. */
export async function followRedirects(
  first: Response,
  call: {
    readonly send: Send
    readonly input: FetchInput
    readonly init: RequestInit
    readonly asked: NonNullable<RequestInit["redirect"]>
    readonly from: URL
    readonly mayLeave: boolean
  },
): Promise<Response> {
  const { send, input, init, asked, from, mayLeave } = call
  // Left to fetch this would be a TypeError like that of a broken connection, and tried again.
  if (asked === "error") throw refused(from, "another address", 'the call was made with redirect: "error"')
  const own = input instanceof Request ? input : undefined
  let response = first
  let method = methodOf(input, init)
  let sent: RequestInit = { ...(own && { headers: own.headers }), ...init, redirect: "manual" }
  for (let count = 1, at = from; isRedirect(response); count++) {
    if (response.type === "opaqueredirect")
      throw refused(from, "an address that a browser does not tell", "a call with a key is not sent there unseen")
    const to = targetOf(response, at)
    if (!to) return response
    await response.body?.cancel()
    if (!/^https?:$/.test(to.protocol)) throw refused(from, to.protocol, "that is nowhere on the network")
    if (to.username !== "" || to.password !== "")
      throw refused(from, to.host, "with a user name or password, which fetch does not send")
    if (to.origin !== from.origin) {
      if (!mayLeave) throw refused(from, to.origin, "a call with a key and a prompt is not sent on to another origin")
      return send(to.href, { headers: harmlessHeaders(sent.headers), ...(init.signal && { signal: init.signal }) })
    }
    if (count > mostRedirects) throw refused(from, to.pathname, `${mostRedirects} redirects, and no end`)
    const isGet = response.status === 303 || (response.status < 303 && method === "POST")
    if (isGet && method !== "HEAD") {
      method = "GET"
      const { body: _body, ...rest } = sent
      sent = { ...rest, headers: headersWithoutBody(sent.headers) }
    } else if (own?.body && init.body === undefined) {
      throw refused(from, to.pathname, "the body is a stream, which can be sent once")
    }
    at = to
    response = await send(to.href, { ...sent, method })
  }
  return response
}

// Characters of an address that an error shows.
const longestPlace = 200

function refused(from: URL, to: string, why: string): RefusedHere {
  return new RefusedHere("redirected", `${from.origin} redirects to ${to.slice(0, longestPlace)}: ${why}`)
}

/** `undefined` where it names none: then the answer is just that. */
function targetOf(response: Response, from: URL): URL | undefined {
  const location = response.headers.get("location")
  return location === null ? undefined : (URL.parse(location, from.href) ?? undefined)
}

/** What `fetch` too leaves out where a redirect takes the body away. */
function headersWithoutBody(headers: RequestInit["headers"]): Headers {
  const kept = new Headers(headers)
  for (const part of ["encoding", "language", "length", "location", "type"]) kept.delete(`content-${part}`)
  return kept
}

function harmlessHeaders(headers: RequestInit["headers"]): Headers {
  const given = new Headers(headers)
  const kept = new Headers()
  for (const name of ["accept", "accept-language", "range", "user-agent"]) {
    const value = given.get(name)
    if (value !== null) kept.set(name, value)
  }
  return kept
}
