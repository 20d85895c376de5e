/** A binary heap whose members know their place, so that one can be moved or removed in O(log n). */
export class IndexedHeap<T extends { heapIndex: number }> {
  readonly #items: T[] = []
  readonly #less: (a: T, b: T) => boolean

  constructor(less: (a: T, b: T) => boolean) {
    this.#less = less
  }

  get size(): number {
    return this.#items.length
  }

  first(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    item.heapIndex = this.#items.length
    this.#items.push(item)
    this.#up(item.heapIndex)
  }

  /** `item` is in the heap and its rank changed. */
  moved(item: T): void {
    this.#up(item.heapIndex)
    this.#down(item.heapIndex)
  }

  remove(item: T): void {
    const index = item.heapIndex
    if (index < 0) return
    item.heapIndex = -1
    const last = this.#items.pop()!
    if (last === item) return
    this.#items[index] = last
    last.heapIndex = index
    this.moved(last)
  }

  [Symbol.iterator](): ArrayIterator<T> {
    return this.#items.values()
  }

  #up(from: number): void {
    const items = this.#items
    const item = items[from]!
    let index = from
    while (index > 0) {
      const parent = items[(index - 1) >> 1]!
      if (!this.#less(item, parent)) break
      items[index] = parent
      parent.heapIndex = index
      index = (index - 1) >> 1
    }
    items[index] = item
    item.heapIndex = index
  }

  #down(from: number): void {
    const items = this.#items
    const item = items[from]!
    let index = from
    for (;;) {
      let at = 2 * index + 1
      if (at >= items.length) break
      if (at + 1 < items.length && this.#less(items[at + 1]!, items[at]!)) at++
      const child = items[at]!
      if (!this.#less(child, item)) break
      items[index] = child
      child.heapIndex = index
      index = at
    }
    items[index] = item
    item.heapIndex = index
  }
}
