/** Numbers of records, a bit each. */
export class RecordSet {
  readonly #pages = new Map<number, Uint32Array>()

  add(item: number): void {
    const at = Math.floor(item / pageBits)
    let page = this.#pages.get(at)
    if (!page) this.#pages.set(at, (page = new Uint32Array(pageBits / 32)))
    const bit = item % pageBits
    page[bit >>> 5]! |= 1 << (bit & 31)
  }

  has(item: number): boolean {
    const bit = item % pageBits
    const word = this.#pages.get(Math.floor(item / pageBits))?.[bit >>> 5] ?? 0
    return (word & (1 << (bit & 31))) !== 0
  }
}

const pageBits = 2 ** 15
