/** Items of an iterable or async iterable, pulled one at a time and only when asked. */
export class PullSource<I> {
  readonly isAsync: boolean
  /** An item is on its way: nobody else may pull. */
  isPulling = false
  isExhausted = false
  /** What the source threw, which was its end. */
  failure: { readonly reason: unknown } | undefined
  readonly #iterator: Iterator<I> | AsyncIterator<I>
  readonly #list: readonly I[] | undefined

  constructor(source: Iterable<I> | AsyncIterable<I>) {
    this.#list = Array.isArray(source) ? source : undefined
    this.isAsync = Symbol.asyncIterator in source
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  }

  /** How many items there are in all, where it is a list. */
  get size(): number {
    return this.#list?.length ?? Infinity
  }

  /** The next item of a synchronous source, or nothing when there is none: see `failure`. */
  pull(): IteratorYieldResult<I> | undefined {
    this.isPulling = true
    try {
      return this.#take((this.#iterator as Iterator<I>).next())
    } catch (reason) {
      this.isExhausted = true
      this.failure = { reason }
      return undefined
    } finally {
      this.isPulling = false
    }
  }

  /** The next item of an asynchronous source, or nothing when there is none: see `failure`. */
  async pullLater(): Promise<IteratorYieldResult<I> | undefined> {
    this.isPulling = true
    try {
      return this.#take(await this.#iterator.next())
    } catch (reason) {
      this.isExhausted = true
      this.failure = { reason }
      return undefined
    } finally {
      this.isPulling = false
    }
  }

  /** Lets the source clean up, if it was left early. Does not wait for an item that is still on its way. */
  async close(): Promise<void> {
    if (this.isExhausted) return
    this.isExhausted = true
    const closing = (async () => this.#iterator.return?.())()
    if (!this.isPulling) await closing
    // Its failure has nobody left to interest.
    else closing.catch(() => {})
  }

  #take(step: IteratorResult<I>): IteratorYieldResult<I> | undefined {
    if (!step.done) return step
    this.isExhausted = true
    return undefined
  }
}
