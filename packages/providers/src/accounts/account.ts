import type { Limiter } from "@sluice/core"
import { FailedCalls } from "../call/failure/failed-calls.ts"
import type { LearnedTokens } from "./token-estimate.ts"
import { bestPattern } from "./model-pattern.ts"
import type { Price, Prices } from "./prices.ts"

interface KeptRefusal {
  readonly response: Response
  readonly bytes: Uint8Array<ArrayBuffer>
}

const everyone = ""
const mostRefusals = 100
const mostPrices = 1000

/** What one account at one vendor has: a quota per model or pattern, and the refusals that ended any of them. */
export class Account {
  readonly label: string
  readonly vendor: string
  /** Its name for other processes. */
  readonly identity: string
  /** Calls that were given to this account among several, and have no answer yet. */
  sending = 0
  readonly quotas: Map<string, Limiter> = new Map()
  readonly failedCalls: FailedCalls = new FailedCalls()
  readonly #prices = new Map<string, Price | undefined>()
  readonly #tellRefused = new Map<() => void, readonly string[]>()
  readonly #exhausted = new Map<Limiter, KeptRefusal>()
  /** By the credential or model that was refused; of the account itself under `everyone`. */
  readonly #refusals = new Map<string, KeptRefusal>()

  /** What was learned about a model from its answers here. */
  readonly learned: (model: string) => LearnedTokens

  constructor(vendor: string, label: string, identity: string, learned: (model: string) => LearnedTokens) {
    this.vendor = vendor
    this.label = label
    this.identity = identity
    this.learned = learned
  }

  /** A quota that nobody uses any more. */
  forget(quota: Limiter): void {
    for (const [model, each] of this.quotas) if (each === quota) this.quotas.delete(model)
    this.#exhausted.delete(quota)
  }

  /** The price of a model, looked up once. */
  price(model: string, prices: Prices): Price | undefined {
    if (this.#prices.has(model)) return this.#prices.get(model)
    const pattern = bestPattern(Object.keys(prices), model)
    const price = pattern === undefined ? undefined : prices[pattern]
    if (this.#prices.size < mostPrices) this.#prices.set(model, price)
    return price
  }

  /** No call that shows one of these is sent any more: its credential, its model. */
  isRefused(marks: readonly string[]): boolean {
    return this.#refusals.has(everyone) || marks.some((mark) => this.#refusals.has(mark))
  }

  /** The vendor refused the account itself, or what shows this mark: whoever waits with it is told. */
  refuse(response: Response, bytes: Uint8Array<ArrayBuffer>, mark: string = everyone): void {
    if (this.isRefused([mark])) return
    this.#refusals.set(mark, { response, bytes })
    // Tokens are renewed for ever.
    if (this.#refusals.size > mostRefusals) this.#refusals.delete(this.#refusals.keys().next().value!)
    for (const [tell, marks] of this.#tellRefused) {
      if (mark !== everyone && !marks.includes(mark)) continue
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
  refusal(quota: Limiter, marks: readonly string[]): Response | undefined {
    const mark = [everyone, ...marks].find((each) => this.#refusals.has(each))
    const found = mark === undefined ? this.#exhausted.get(quota) : this.#refusals.get(mark)
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

  onRefused(marks: readonly string[], tell: () => void): () => void {
    this.#tellRefused.set(tell, marks)
    return () => this.#tellRefused.delete(tell)
  }
}
