import { type Clock, SluiceError } from "@sluice/core"

/** Whoever has misspelt an address waits no longer than this; few blips of a network fall into the first moment of a run. */
const patienceMs = 5_000

/** Nothing that waiting mends. */
type Trouble = { readonly what: string; readonly advice: string; readonly isForGood?: true }

const network = "Check the network, a VPN or a proxy."
const certificate: Trouble = {
  what: "its certificate is not trusted",
  advice: "Check the address; for a certificate of your own name its authority: NODE_EXTRA_CA_CERTS=authority.pem.",
  isForGood: true,
}
const notTls: Trouble = {
  what: "what listens there does not speak TLS",
  advice: "Is it http:// and not https://?",
  isForGood: true,
}

/** What keeps a call from arriving anywhere, by the system's code. A connection that broke off has arrived. */
const troubles: ReadonlyMap<string, Trouble> = new Map<string, Trouble>([
  ["ENOTFOUND", { what: "no host has that name", advice: "Check the address (--base-url) and the network." }],
  ["EAI_AGAIN", { what: "its name could not be looked up", advice: network }],
  ["ECONNREFUSED", { what: "nothing listens there", advice: "Start the server, or check the address (--base-url)." }],
  ["EHOSTUNREACH", { what: "no way leads there", advice: network }],
  ["ENETUNREACH", { what: "no way leads there", advice: network }],
  ["EADDRNOTAVAIL", { what: "no way leads there", advice: network }],
  ["ETIMEDOUT", { what: "it does not answer", advice: network }],
  ["UND_ERR_CONNECT_TIMEOUT", { what: "it does not answer", advice: network }],
  ["bad port", { what: "no request may go to that port", advice: "Name another port.", isForGood: true }],
  ["ERR_SSL_WRONG_VERSION_NUMBER", notTls],
  ["ERR_SSL_PACKET_LENGTH_TOO_LONG", notTls],
  ["ERR_TLS_CERT_ALTNAME_INVALID", { ...certificate, what: "its certificate is that of another host" }],
  ["CERT_HAS_EXPIRED", { ...certificate, what: "its certificate has expired" }],
  ...[
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_GET_ISSUER_CERT",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "CERT_NOT_YET_VALID",
    "CERT_UNTRUSTED",
  ].map((code) => [code, certificate] as const),
])

export interface FirstAnswerOptions {
  readonly clock: Clock
  /** `false`: whoever keeps going waits out everything (`--keep-going`). */
  readonly mayEnd: boolean
  readonly warn: (message: string) => void
}

/**
 * The rule for hosts that cannot be reached. Until one has answered a call of this command, with whatever status, it may be the address that is
 * wrong: the run ends, at once where no waiting helps (a certificate, a port), else when that has lasted five seconds. Once there was an answer it
 * is the network, and calls are tried again as always. Each host and code is told once, when it is met.
 */
export class FirstAnswer {
  readonly #options: FirstAnswerOptions
  readonly #told = new Set<string>()
  /** Since when each host could not be reached; `Infinity` once it has answered. */
  readonly #sinceMs = new Map<string, number>()
  /** Ends the run. */
  onEnd: ((error: SluiceError) => void) | undefined

  constructor(options: FirstAnswerOptions) {
    this.#options = options
  }

  /** `fetch`, whose calls tell whether anybody is there. */
  through(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
    return async (input, init) => {
      const { host } = new URL(input instanceof Request ? input.url : input)
      try {
        const response = await fetch(input, init)
        this.#sinceMs.set(host, Infinity)
        return response
      } catch (error) {
        this.#failed(host, error)
        throw error
      }
    }
  }

  #failed(host: string, error: unknown): void {
    const code = codeIn(error)
    const trouble = code === undefined ? undefined : troubles.get(code)
    if (!trouble) return
    const { clock, mayEnd, warn } = this.#options
    const sinceMs = this.#sinceMs.get(host) ?? clock.now()
    this.#sinceMs.set(host, sinceMs)
    const isNew = mayEnd && sinceMs !== Infinity
    const words = `cannot reach ${host}: ${trouble.what} (${code}).`
    if (isNew && (trouble.isForGood || clock.now() - sinceMs >= patienceMs)) {
      const open = "Nothing counts as failed; --keep-going would go on trying."
      this.onEnd?.(new SluiceError("connection", `${words} ${trouble.advice} ${open}`, { cause: error }))
      return
    }
    if (this.#told.has(words)) return
    this.#told.add(words)
    const then = isNew
      ? `Unless it answers within ${patienceMs / 1_000} seconds, the run ends.`
      : "Calls are tried again."
    warn(`${words.charAt(0).toUpperCase()}${words.slice(1)} ${trouble.advice} ${then}`)
  }
}

/** The system's code of a failed `fetch`, however deep; a port that may not be used has words only. */
function codeIn(error: unknown): string | undefined {
  for (let at = error; typeof at === "object" && at !== null; at = (at as { cause?: unknown }).cause) {
    const { code, message } = at as { code?: unknown; message?: unknown }
    if (typeof code === "string" && troubles.has(code)) return code
    if (message === "bad port") return message
  }
  return undefined
}
