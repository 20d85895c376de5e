import { createHash, timingSafeEqual } from "node:crypto"
import { isLoopback, isSameOrigin } from "@sluice/core/internal"
import type { FastifyInstance, FastifyRequest } from "fastify"

const headers: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
}

/** Where a page with this token lives: a path that nobody guesses, and that does not tell the token. */
export function pathOf(token: string): string {
  return `/${createHash("sha256").update(`path of ${token}`).digest("base64url").slice(0, 22)}/`
}

/**
 * Lets in whoever has the token, as the address has it or as the cookie that it became, or in a header. A page that has its own name resolve to this
 * machine gives itself away by `Host`; one that asks across by `Origin` or by what browsers say of where a request comes from.
 * Cookies know no ports: a browser would send one for all paths to every server of this machine, so it is for the page's own path alone.
 */
export function guard(app: FastifyInstance, token: string, port: () => number): void {
  const cookie = (): string => `sluice-${port()}`
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(headers)
    const { host = "", origin } = request.headers
    if (!isLoopback(host)) {
      return reply.code(403).type("text/plain").send("This page answers to 127.0.0.1 and localhost alone.")
    }
    const site = request.headers["sec-fetch-site"]
    const isNavigation = request.method === "GET" && request.headers["sec-fetch-mode"] === "navigate"
    const isForeign = site !== undefined && site !== "same-origin" && site !== "none" && !isNavigation
    if (isForeign || (origin !== undefined && !isSameOrigin(origin, host))) {
      return reply.code(403).type("text/plain").send("This page answers no other page.")
    }
    if (request.method !== "GET" && origin === undefined && request.headers.authorization === undefined) {
      return reply.code(403).type("text/plain").send("Whoever changes something says where from.")
    }
    // Code and styles of the page are no secret, and are asked for before there is a cookie.
    if (request.method === "GET" && request.url.startsWith("/assets/")) return
    const given = (request.query as { token?: unknown }).token
    if (typeof given === "string" && equal(given, token)) {
      // With the token still: what another site links to brings no cookie along.
      if (request.originalUrl.startsWith("/?")) return reply.redirect(`${pathOf(token)}?token=${token}`)
      reply.header("set-cookie", `${cookie()}=${token}; HttpOnly; SameSite=Strict; Path=${pathOf(token)}`)
      return
    }
    if (equal(cookieOf(request, cookie()) ?? bearerOf(request) ?? "", token)) return
    return reply
      .code(401)
      .type("text/plain; charset=utf-8")
      .send("Open the address that the command printed, with its token. A run that was started anew has a new one.")
  })
}

function cookieOf({ headers: { cookie = "" } }: FastifyRequest, name: string): string | undefined {
  const found = cookie
    .split(/; */)
    .map((each) => each.split("="))
    .find(([each]) => each === name)
  return found?.[1]
}

function bearerOf({ headers: { authorization = "" } }: FastifyRequest): string | undefined {
  return /^Bearer (\S+)$/.exec(authorization)?.[1]
}

/** In the same time, however much of it is right. */
function equal(a: string, b: string): boolean {
  const [one, other] = [a, b].map((text) => createHash("sha256").update(text).digest())
  return timingSafeEqual(one!, other!)
}
