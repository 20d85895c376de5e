import type { Limiter } from "@sluice/core"
import { LearnedTokens } from "./learned-tokens.ts"

/** What one set of credentials at one vendor has: a quota per model or pattern, and, once refused, that refusal. */
export class Account {
  readonly label: string
  readonly quotas: Map<string, Limiter> = new Map()
  readonly #learned = new Map<string, LearnedTokens>()
  readonly #refusedListeners = new Set<() => void>()
  #refusal: { readonly response: Response; readonly bytes: Uint8Array<ArrayBuffer> } | undefined

  constructor(label: string) {
    this.label = label
  }

  learned(model: string): LearnedTokens {
    let found = this.#learned.get(model)
    if (!found) this.#learned.set(model, (found = new LearnedTokens()))
    return found
  }

  /** The vendor refused the account itself: nobody's call is sent any more, whoever waits is told. */
  refuse(response: Response, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#refusal) return
    this.#refusal = { response, bytes }
    for (const tell of this.#refusedListeners) tell()
    this.#refusedListeners.clear()
  }

  get refused(): boolean {
    return this.#refusal !== undefined
  }

  /**
   * The vendor's refusal again, for a call that need not be sent: SDKs make their own typed error of it.
   * Its `x-should-retry: false` ends their retries, `x-sluice-code` says that no call was made.
   */
  refusal(): Response | undefined {
    if (!this.#refusal) return undefined
    const { response, bytes } = this.#refusal
    const headers = new Headers(response.headers)
    headers.set("x-should-retry", "false")
    headers.set("x-sluice-code", "quota-exhausted")
    const replay = new Response(bytes, { status: response.status, statusText: response.statusText, headers })
    Object.defineProperty(replay, "url", { value: response.url })
    return replay
  }

  onRefused(tell: () => void): () => void {
    this.#refusedListeners.add(tell)
    return () => this.#refusedListeners.delete(tell)
  }
}
