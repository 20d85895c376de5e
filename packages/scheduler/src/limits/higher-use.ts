/** What some calls take of a limit lately, and each of them, on average. */
export interface Use {
  readonly perMs: number
  readonly each: number
}

interface UseOfOne {
  readonly priority: number
  perMs: number
  atMs: number
  each: number
}

/**
 * What calls of each priority take of a limit, averaged over about a window: that much of it is kept ready for them when others come.
 *
 * @example
 * ```ts
 * const use = new HigherUse(60_000)
 * use.add(0, 1, 6)
 * use.above(0, 0)?.perMs // => 0.0001
 * use.above(0, 1) // => undefined
 * ```
 */
export class HigherUse {
  readonly #windowMs: number
  /** Few priorities are in use at a time. */
  readonly #uses: UseOfOne[] = []

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  /** `amount` was taken in calls of `each`. */
  add(nowMs: number, priority: number, amount: number, each: number = amount): void {
    let use = this.#uses.find((one) => one.priority === priority)
    if (!use) this.#uses.push((use = { priority, perMs: 0, atMs: nowMs, each }))
    use.perMs = this.#at(nowMs, use) + amount / this.#windowMs
    use.atMs = nowMs
    use.each += (each - use.each) * 0.1
  }

  /** What those above `priority` take together; nothing where that is less than a call in ten windows. */
  above(nowMs: number, priority: number): Use | undefined {
    let perMs = 0
    let each = 0
    for (const use of this.#uses) {
      const part = use.priority > priority ? this.#at(nowMs, use) : 0
      if (part * this.#windowMs < 0.1 * use.each) continue
      perMs += part
      each = Math.max(each, use.each)
    }
    return perMs > 0 ? { perMs, each } : undefined
  }

  #at(nowMs: number, { perMs, atMs }: UseOfOne): number {
    return perMs * Math.exp((atMs - nowMs) / this.#windowMs)
  }
}
