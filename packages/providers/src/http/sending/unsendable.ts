import { SluiceError } from "@sluice/core"
import { isBuilt } from "./refused-here.ts"

/**
 * What `fetch` would refuse and show whole, the key in it too: a user name or password in the address, a header that cannot be sent.
 *
 * @throws SluiceError `invalid-option`, with the host, or with the header's name and never its value.
 */
export function checkSendable({ username, password, host }: URL, init: RequestInit | undefined): void {
  if (username !== "" || password !== "")
    throw new SluiceError(
      "invalid-option",
      `limitedFetch: the address of a call to ${host} has a user name or password in it, which fetch does not send. Put them into an authorization header.`,
      { details: { host } },
    )
  const given = init?.headers
  if (!given || given instanceof Headers) return
  const pairs = (Array.isArray(given) ? given : Object.entries(given)) as readonly [string, unknown][]
  for (const [name, each] of pairs) {
    const value = typeof each === "string" ? each : String(each)
    const wrong = wrongHeader(name, value)
    if (wrong === undefined) continue
    const header = /^[\w-]{0,60}/.exec(name)![0]
    throw new SluiceError(
      "invalid-option",
      `limitedFetch: the header "${header}" of a call to ${host} cannot be sent: ${wrong}. Its value is not shown, for it may be a key.`,
      { details: { host, header } },
    )
  }
}

function wrongHeader(name: string, value: string): string | undefined {
  if (isBuilt(() => new Headers([[name, value]]))) return undefined
  if (!isBuilt(() => new Headers([[name, "x"]]))) return "its name is none"
  if (/[\r\n]/.test(value.trim())) return "there is a line end inside its value"
  const at = value.search(/[^\0-\xff]/)
  if (at >= 0) return `character ${at + 1} of its value is not Latin-1 (typographic quotes, an ellipsis)`
  return "there is a control character in its value"
}
