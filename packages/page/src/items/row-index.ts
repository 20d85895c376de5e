/** An index that is further from the others than this is kept by itself: a file may say any number. */
const farAway = 2 ** 20

/** Finds an item's row by its node and index; four bytes an item. */
export class RowIndex {
  readonly #rows = new Map<string, Int32Array<ArrayBuffer>>()
  readonly #far = new Map<string, number>()

  get(node: string, index: number): number | undefined {
    const row = this.#rows.get(node)?.[index] ?? 0
    return row === 0 ? this.#far.get(`${index} ${node}`) : row - 1
  }

  set(node: string, index: number, row: number): void {
    let rows = this.#rows.get(node) ?? new Int32Array(1_024)
    if (index >= rows.length + farAway) return void this.#far.set(`${index} ${node}`, row)
    if (index >= rows.length) {
      const wider = new Int32Array(Math.max(index + 1, Math.ceil(rows.length * 1.5)))
      wider.set(rows)
      rows = wider
    }
    rows[index] = row + 1
    this.#rows.set(node, rows)
  }

  clear(): void {
    this.#rows.clear()
    this.#far.clear()
  }
}
