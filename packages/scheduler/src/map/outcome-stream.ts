import type { Outcome } from "@sluice/core"
import { defaultReorderWindow } from "./options.ts"
import { ReorderWindow } from "./reorder-window.ts"

type Result<O> = IteratorResult<Outcome<O>, undefined>

interface Consumer<O> {
  readonly resolve: (result: Result<O>) => void
  readonly reject: (reason: unknown) => void
}

/** The consumer's side of a map: outcomes that are ready, and consumers that wait for one. */
export class OutcomeStream<O> {
  readonly #inInputOrder: boolean
  readonly #windowSize: number
  #completed = 0
  #window = new ReorderWindow<Outcome<O>>()
  #consumers: Consumer<O>[] = []
  #dropped = false
  #ended = false
  #failure: { readonly reason: unknown } | undefined

  constructor(order: "input" | "completion" = "input", reorderWindow: number = defaultReorderWindow) {
    this.#inInputOrder = order === "input"
    this.#windowSize = this.#inInputOrder ? reorderWindow : Infinity
  }

  /** Whether something has to be taken first: `mostReady` outcomes lie ready, or `pulled` is the window ahead. */
  isFull(pulled: number, mostReady: number): boolean {
    return this.#window.ready >= mostReady || pulled - this.#window.taken >= this.#windowSize
  }

  /** `position`: of the item, in the order of the input. */
  put(position: number, outcome: Outcome<O>): void {
    if (this.#dropped) return
    this.#window.put(this.#inInputOrder ? position : this.#completed++, outcome)
    while (this.#consumers.length > 0 && this.#window.ready > 0) {
      this.#consumers.shift()!.resolve({ done: false, value: this.#window.take()! })
    }
  }

  next(): Promise<Result<O>> {
    const value = this.#window.take()
    if (value) return Promise.resolve({ done: false, value })
    if (!this.#ended) return new Promise((resolve, reject) => void this.#consumers.push({ resolve, reject }))
    const failure = this.#failure
    this.#failure = undefined
    return failure ? Promise.reject(failure.reason) : Promise.resolve({ done: true, value: undefined })
  }

  /** The consumer has left: drops what is ready. */
  drop(): void {
    this.#dropped = true
    this.#window = new ReorderWindow()
    this.#failure = undefined
  }

  /** No further outcome comes. What is ready is still taken, then `failure`, if there is one, is thrown once. */
  end(failure?: { readonly reason: unknown }): void {
    this.#ended = true
    this.#failure = failure
    const consumers = this.#consumers
    this.#consumers = []
    for (const { resolve, reject } of consumers) this.next().then(resolve, reject)
  }
}
