import type { LimitedFetch } from "@sluice/providers"
import type { HandsOn } from "./hands-on.ts"

/** What the keys of the live display do to the run. */
export class RunKeys {
  readonly #hands: HandsOn
  readonly #fetch: LimitedFetch
  #isDraining = false

  constructor(hands: HandsOn, fetch: LimitedFetch) {
    this.#hands = hands
    this.#fetch = fetch
  }

  press(key: string): void {
    if (this.#isDraining) return
    if (key === "p") this.#hands.act(this.#hands.isPaused ? "resume" : "pause")
    else if (key === "+" || key === "=") this.#change(1)
    else if (key === "-" || key === "_") this.#change(-1)
    else if (key === "q") {
      this.#isDraining = true
      this.#hands.act("drain")
    }
  }

  /** Nothing, where they do nothing any more. */
  help(): string | undefined {
    if (this.#isDraining) return undefined
    const { isPaused, concurrency } = this.#hands
    const calls = concurrency === undefined ? "as many calls as the limits allow" : `${concurrency} calls at once`
    return `keys: p ${isPaused ? "resume" : "pause"} · + - ${calls} · q finish what is in flight`
  }

  /** By a tenth, and by one at least. Where nothing bounds them yet, fewer is counted from what is in flight. */
  #change(sign: 1 | -1): void {
    const inFlight = this.#fetch.snapshot().reduce((sum, quota) => sum + quota.inFlight, 0)
    const now = this.#hands.concurrency
    if (now === undefined && sign > 0) return
    const from = now ?? Math.max(1, inFlight)
    const concurrency = Math.max(1, from + sign * Math.max(1, Math.round(from / 10)))
    if (concurrency !== now) this.#hands.act("update", { concurrency })
  }
}
