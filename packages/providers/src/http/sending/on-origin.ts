import { type FetchInput, urlOf } from "../request.ts"
import { isRedirect } from "../response.ts"
import type { followRedirects, Send } from "./follow-redirects.ts"
import { refusedByFetch } from "./refused-here.ts"

export interface Sender {
  readonly fetch: typeof globalThis.fetch
  readonly follow: typeof followRedirects
}

/**
 * Sends a call that carries a key and a prompt, and follows redirects as `fetch` does, on its own origin only.
 * A caller who wants redirects as answers, or none, is obeyed. With `mayLeave` it is followed elsewhere too (files that lie in a
 * store of their own), without any of its headers that could be a key.
 *
 * @throws RefusedHere where the call would leave its origin, or can never be sent.
 */
export async function fetchOnOrigin(
  { fetch, follow }: Sender,
  input: FetchInput,
  init: RequestInit,
  mayLeave = false,
): Promise<Response> {
  const send: Send = async (to, how) => {
    try {
      return await fetch(to, how)
    } catch (error) {
      throw refusedByFetch(error, to, how)
    }
  }
  const asked = init.redirect ?? (input instanceof Request ? input.redirect : undefined) ?? "follow"
  const from = urlOf(input)
  if (asked === "manual" || !from) return send(input, init)
  const response = await send(input, { ...init, redirect: "manual" })
  if (!isRedirect(response)) return response
  return follow(response, { send, input, init, asked, from, mayLeave })
}
