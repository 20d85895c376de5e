/** So many of the last answers decide. */
const memory = 256
/** Fewer say nothing of the slowest among them: one in fifty is a quantile of 0.98. */
const fewest = 50
/** Sorted anew after so many answers. */
const stale = 8
const mostKinds = 1000

interface LatencyKind {
  readonly ms: number[]
  next: number
  sorted: readonly number[]
  unsorted: number
}

/** How long answers take, by kinds of calls that are alike. Constant memory. */
export class LearnedLatency {
  readonly #kinds = new Map<string, LatencyKind>()

  add(kind: string, ms: number): void {
    let known = this.#kinds.get(kind)
    if (!known) {
      if (this.#kinds.size === mostKinds) this.#kinds.delete(this.#kinds.keys().next().value!)
      this.#kinds.set(kind, (known = { ms: [], next: 0, sorted: [], unsorted: stale }))
    }
    known.ms[known.next] = ms
    known.next = (known.next + 1) % memory
    known.unsorted++
  }

  /** So long or shorter took this share of them; `undefined` while few are known. */
  quantile(kind: string, share: number): number | undefined {
    const known = this.#kinds.get(kind)
    if (!known || known.ms.length < fewest) return undefined
    if (known.unsorted >= stale) {
      known.sorted = known.ms.toSorted((a, b) => a - b)
      known.unsorted = 0
    }
    return known.sorted[Math.min(known.sorted.length - 1, Math.floor(share * known.sorted.length))]
  }
}
