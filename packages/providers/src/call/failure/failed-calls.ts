import { hashText } from "@sluice/core/internal"

// The AI SDK repeats after 2 and 4 seconds, LangChain within half a minute.
const memoryMs = 60_000
const mostCalls = 100

/** Remembers, by a hash of their bodies, which calls of an account have just failed for good: who sends one again retries on its own. */
export class FailedCalls {
  readonly #atMs = new Map<string, number>()

  add(body: string, nowMs: number): void {
    const hash = hashText([body])
    // To the end: the oldest is forgotten first.
    this.#atMs.delete(hash)
    this.#atMs.set(hash, nowMs)
    if (this.#atMs.size > mostCalls) this.#atMs.delete(this.#atMs.keys().next().value!)
  }

  has(body: string, nowMs: number): boolean {
    if (this.#atMs.size === 0) return false
    const failedMs = this.#atMs.get(hashText([body]))
    return failedMs !== undefined && nowMs - failedMs < memoryMs
  }
}
