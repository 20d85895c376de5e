import { type FetchInput, methodOf, urlOf } from "./request.ts"

/** A model call was told to go on elsewhere. */
export class RedirectRefused extends Error {
  readonly to: string

  constructor(from: URL, to: string, why: string) {
    super(`${from.origin} redirects to ${to}: ${why}`)
    this.name = "RedirectRefused"
    this.to = to
  }
}

// As many as browsers follow.
const mostRedirects = 20
const redirects = new Set([301, 302, 303, 307, 308])

/**
 * Sends a call that carries a key and a prompt, and follows redirects as `fetch` does, on its own origin only.
 * A caller who says what to do with redirects is obeyed. With `mayLeave` it is followed elsewhere too (files that lie in a
 * store of their own), without any of its headers that could be a key.
 *
 * @throws RedirectRefused where the call would leave its origin.
 */
export async function fetchOnOrigin(
  fetch: typeof globalThis.fetch,
  input: FetchInput,
  init: RequestInit,
  mayLeave = false,
): Promise<Response> {
  const own = input instanceof Request ? input : undefined
  const asked = init.redirect ?? own?.redirect ?? "follow"
  const from = urlOf(input)
  if (asked !== "follow" || !from) return fetch(input, init)
  let response = await fetch(input, { ...init, redirect: "manual" })
  let method = methodOf(input, init)
  let sent: RequestInit = { ...(own && { headers: own.headers }), ...init, redirect: "manual" }
  for (let count = 1, at = from; isRedirect(response); count++) {
    const to = targetOf(response, at)
    if (!to) return response
    if (to.origin !== from.origin && mayLeave && response.type !== "opaqueredirect") {
      await response.body?.cancel()
      return fetch(to.href, { headers: harmlessHeaders(sent.headers), ...(init.signal && { signal: init.signal }) })
    }
    if (to.origin !== from.origin)
      throw new RedirectRefused(from, to.origin, "a call with a key and a prompt is not sent on to another origin")
    if (count > mostRedirects) throw new RedirectRefused(from, to.pathname, `${mostRedirects} redirects, and no end`)
    await response.body?.cancel()
    const isGet = response.status === 303 || (response.status < 303 && method === "POST")
    if (isGet && method !== "HEAD") {
      method = "GET"
      const { body: _body, ...rest } = sent
      sent = rest
    } else if (own?.body && init.body === undefined) {
      throw new RedirectRefused(from, to.pathname, "the body is a stream, which can be sent once")
    }
    at = to
    response = await fetch(to.href, { ...sent, method })
  }
  return response
}

function isRedirect({ status, type }: Response): boolean {
  return redirects.has(status) || type === "opaqueredirect"
}

/** `undefined` where it names none: then the answer is just that. */
function targetOf(response: Response, from: URL): URL | undefined {
  // A browser tells nobody where it would go: not there.
  if (response.type === "opaqueredirect") return new URL("about:blank")
  const location = response.headers.get("location")
  return location === null ? undefined : (URL.parse(location, from.href) ?? undefined)
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
