/**
 * Values put at positions 0, 1, 2, … in any order and taken in that order.
 * A ring that grows with the distance between the next to take and the furthest put; the owner bounds that distance.
 */
export class ReorderWindow<T extends object> {
  #ring: (T | undefined)[] = [undefined, undefined]
  #taken = 0
  #readyTo = 0

  /** How many were taken: the position that comes next. */
  get taken(): number {
    return this.#taken
  }

  /** How many can be taken now. */
  get ready(): number {
    return this.#readyTo - this.#taken
  }

  put(position: number, value: T): void {
    while (position - this.#taken >= this.#ring.length) this.#grow()
    const mask = this.#ring.length - 1
    this.#ring[position & mask] = value
    if (position !== this.#readyTo) return
    const endTo = this.#taken + this.#ring.length
    do this.#readyTo++
    while (this.#readyTo < endTo && this.#ring[this.#readyTo & mask] !== undefined)
  }

  take(): T | undefined {
    if (this.#readyTo === this.#taken) return undefined
    const slot = this.#taken & (this.#ring.length - 1)
    const value = this.#ring[slot]
    this.#ring[slot] = undefined
    this.#taken++
    return value
  }

  #grow(): void {
    const old = this.#ring
    const ring: (T | undefined)[] = Array.from({ length: old.length * 2 })
    for (let i = this.#taken; i < this.#taken + old.length; i++) {
      ring[i & (ring.length - 1)] = old[i & (old.length - 1)]
    }
    this.#ring = ring
  }
}
