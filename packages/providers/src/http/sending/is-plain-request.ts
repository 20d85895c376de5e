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
