/** A source of one item, by which an executor knows that it needs neither workers nor a window to give outcomes back in order. */
export class OneItem<I> implements Iterable<I> {
  readonly item: I

  constructor(item: I) {
    this.item = item
  }

  *[Symbol.iterator](): Generator<I, void, undefined> {
    yield this.item
  }
}
