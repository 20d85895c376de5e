import type { Limiter } from "@sluice/core"
import { FailedCalls } from "../call/failed-calls.ts"
import { LearnedTokens } from "./token-estimate.ts"
import { bestPattern } from "./model-pattern.ts"
import type { Price, Prices } from "./prices.ts"

interface Refusal {
  readonly response: Response
  readonly bytes: Uint8Array<ArrayBuffer>
}

const everyone = ""
const mostRefusals = 10

/** What one account at one vendor has: a quota per model or pattern, and the refusals that ended any of them. */
export class Account {
  readonly label: string
  /** Calls that were given to this account among several, and have no answer yet. */
  sending = 0
  readonly quotas: Map<string, Limiter> = new Map()
  readonly failedCalls: FailedCalls = new FailedCalls()
  readonly #learned = new Map<string, LearnedTokens>()
  readonly #prices = new Map<string, Price | undefined>()
  readonly #tellRefused = new Map<() => void, string>()
  readonly #exhausted = new Map<Limiter, Refusal>()
  /** By the credential that was refused; of the account itself under `everyone`. */
  readonly #refusals = new Map<string, Refusal>()

  constructor(label: string) {
    this.label = label
  }

  learned(model: string): LearnedTokens {
    let found = this.#learned.get(model)
    if (!found) this.#learned.set(model, (found = new LearnedTokens()))
    return found
  }

  /** The price of a model, looked up once. */
  price(model: string, prices: Prices): Price | undefined {
    if (this.#prices.has(model)) return this.#prices.get(model)
    const pattern = bestPattern(Object.keys(prices), model)
    const price = pattern === undefined ? undefined : prices[pattern]
    this.#prices.set(model, price)
    return price
  }

  /** No call with this credential is sent any more. */
  isRefused(credential: string): boolean {
    return this.#refusals.has(everyone) || this.#refusals.has(credential)
  }

  /** The vendor refused the account itself, or this credential of it: whoever waits with that is told. */
  refuse(response: Response, bytes: Uint8Array<ArrayBuffer>, credential: string = everyone): void {
    if (this.isRefused(credential)) return
    this.#refusals.set(credential, { response, bytes })
    // Tokens are renewed for ever.
    if (this.#refusals.size > mostRefusals) this.#refusals.delete(this.#refusals.keys().next().value!)
    for (const [tell, theirs] of this.#tellRefused) {
      if (credential !== everyone && credential !== theirs) continue
      this.#tellRefused.delete(tell)
      tell()
    }
  }

  /** The day of one quota is used up. */
  exhaust(quota: Limiter, response: Response, bytes: Uint8Array<ArrayBuffer>): void {
    this.#exhausted.set(quota, { response, bytes })
  }

  /**
   * The vendor's refusal again, for a call that need not be sent: SDKs make their own typed error of it.
   * Its `x-should-retry: false` ends their retries, `x-sluice-code` says that no call was made.
   */
  refusal(quota: Limiter, credential: string): Response | undefined {
    const found = this.#refusals.get(everyone) ?? this.#refusals.get(credential) ?? this.#exhausted.get(quota)
    if (!found) return undefined
    const { response, bytes } = found
    const headers = new Headers(response.headers)
    headers.set("x-should-retry", "false")
    headers.set("x-sluice-code", "quota-exhausted")
    const replay = new Response(bytes, { status: response.status, statusText: response.statusText, headers })
    Object.defineProperty(replay, "url", { value: response.url })
    return replay
  }

  forgetRefusals(): void {
    this.#refusals.clear()
    this.#exhausted.clear()
  }

  onRefused(credential: string, tell: () => void): () => void {
    this.#tellRefused.set(tell, credential)
    return () => this.#tellRefused.delete(tell)
  }
}
