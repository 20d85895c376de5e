/** What errors of the network have beside their message. */
const harmless = new Set([
  "stack",
  "message",
  "name",
  "code",
  "errno",
  "syscall",
  "address",
  "port",
  "hostname",
  "cause",
])
const deepest = 5

/**
 * The same error where it shows no key: `fetch` quotes a header that cannot be sent, and one of bytes that are no HTTP carries those
 * bytes, in which a server may have echoed the key. Loggers print it all. Otherwise its name, words and code alone.
 */
export function withoutKeys(error: unknown, hide: (text: string) => string, depth = 0): unknown {
  if (!(error instanceof Error)) return error
  // Its words quote some of the text, in which there may be a part of the key.
  if (error instanceof SyntaxError) return new SyntaxError("the vendor's answer cannot be parsed")
  const cause = depth < deepest ? withoutKeys(error.cause, hide, depth + 1) : undefined
  const isPlain = Reflect.ownKeys(error).every((key) => typeof key === "symbol" || harmless.has(key))
  const words = [error.name, error.message, "code" in error ? error.code : undefined].filter(
    (each) => typeof each === "string",
  )
  if (isPlain && cause === error.cause && words.every((each) => hide(each) === each)) return error
  const clean = error instanceof TypeError ? new TypeError(hide(error.message)) : new Error(hide(error.message))
  clean.name = hide(error.name)
  if ("code" in error && typeof error.code === "string") Object.assign(clean, { code: hide(error.code) })
  if (cause !== undefined) clean.cause = cause
  return clean
}
