interface Dispatcher {
  dispatch(options: object, handler: unknown): unknown
}

const { process } = globalThis as { readonly process?: { readonly versions?: { readonly undici?: string } } }
const undici = Number.parseInt(process?.versions?.undici ?? "0", 10)
// Where undici keeps the dispatcher of Node's fetch, the user's own included (a proxy, a tracer). Undici 8, of Node 26, has
// another interface for it, and so another place.
const inUse = Symbol.for(`undici.globalDispatcher.${undici >= 8 ? 2 : 1}`)

/**
 * The same connections without undici's time limits of 300 s to the first byte and between two chunks: those of
 * `limitedFetch` count, which are the caller's.
 */
const untimed: Dispatcher = {
  dispatch: (options, handler) => dispatcherOf()!.dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0 }, handler),
}

function dispatcherOf(): Dispatcher | undefined {
  return (globalThis as { readonly [inUse]?: Dispatcher })[inUse]
}

/** The global `fetch`, looked up at each call: a test or a tracer may replace it. In Node, without limits of its own. */
export const untimedFetch: typeof globalThis.fetch = (input, init) => {
  // Node makes its dispatcher with the first class of fetch that is asked for.
  if (typeof Request === "undefined" || dispatcherOf() === undefined) return globalThis.fetch(input, init)
  return globalThis.fetch(input, { ...init, dispatcher: untimed } as RequestInit)
}
