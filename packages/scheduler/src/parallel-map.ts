import { currentScope, runInScope, type Outcome } from "@sluice/core"
import { captureContext, type InContext } from "./async-context.ts"
import { failureRule, type FailureRule } from "./failure-rule.ts"
import { itemPlan, type ItemPlan } from "./item-plan.ts"
import { ItemScope } from "./item-scope.ts"
import { onAbort } from "./on-abort.ts"
import { OutcomeStream } from "./outcome-stream.ts"
import { checkConcurrency, checkMapOptions, defaultReorderWindow, type ParallelMapOptions } from "./map-options.ts"
import { lendPlace } from "./place.ts"
import { PullSource } from "./pull-source.ts"
import { runItem, type ItemFunction } from "./run-item.ts"
import { autoSlots, fixedSlots, type Slots } from "./slots.ts"
import { systemClock, systemRandom } from "./system-clock.ts"

/** The outcomes as they come. Iterate once; leaving the loop ends the work. */
export interface ParallelMap<O> extends AsyncIterableIterator<Outcome<O>, undefined> {
  /** May be set while the map runs, if it was a number. */
  concurrency: number | "auto"
  return(): Promise<IteratorResult<Outcome<O>, undefined>>
}

/**
 * Calls `fn` for each item of `source`, many at a time, and yields one outcome per item.
 *
 * - Pulls: at most `concurrency` items run, and what is finished and not yet taken never outnumbers them. Memory is
 *   O(in flight + reorder window), whatever the length of `source`.
 * - Stops: the first final failure (see `onError`), an abort of `signal` or leaving the loop starts nothing more, aborts
 *   `context.signal`, waits for what runs, and closes `source`.
 * - Attempts, their time limits and their permits belong to one item; nothing is held between attempts.
 * - `concurrency: "auto"` pulls while fewer than 16 items wait for admission and fewer than 16 run without a permit.
 * - Nested maps with the same `limiter` borrow the place of the item that waits for them.
 *
 * @throws SluiceError `invalid-option`. The iterator rejects with `item-failed` or `too-many-failures` (the `cause` is the
 * item's own error), with an error of `source`, or with `signal.reason` untouched.
 *
 * @example
 * ```ts
 * const lengths: number[] = []
 * for await (const outcome of parallelMap(["a", "bb", "ccc"], async (text) => text.length, { concurrency: 2 })) {
 *   if (outcome.status === "ok") lengths.push(outcome.value)
 * }
 * lengths // => [1, 2, 3]
 * ```
 */
export function parallelMap<I, O>(
  source: Iterable<I> | AsyncIterable<I>,
  fn: ItemFunction<I, O>,
  options: ParallelMapOptions<I, O> = {},
): ParallelMap<O> {
  checkMapOptions(options)
  return new Mapping(source, fn, options)
}

class Mapping<I, O> implements ParallelMap<O> {
  readonly #source: PullSource<I>
  readonly #fn: ItemFunction<I, O>
  readonly #plan: ItemPlan<I, O>
  readonly #slots: Slots
  readonly #rule: FailureRule
  readonly #inInputOrder: boolean
  readonly #windowSize: number
  readonly #out = new OutcomeStream<O>()
  readonly #abort = new AbortController()
  readonly #parent = currentScope()
  readonly #inContext = captureContext()
  /** What plain items of a fixed number of slots have in common: nobody counts what a single one of them holds. */
  readonly #inSharedScope: InContext
  readonly #parked: (() => void)[] = []
  readonly #forgets: (() => void)[] = []
  #returnPlace: (() => Promise<void>) | undefined
  #isStarted = false
  #pulled = 0
  #completed = 0
  #running = 0
  #end: { readonly how: "failed" | "cancelled" | "left"; readonly reason: unknown } | undefined
  #isFinishing = false

  constructor(source: Iterable<I> | AsyncIterable<I>, fn: ItemFunction<I, O>, options: ParallelMapOptions<I, O>) {
    const { concurrency = "auto", order = "input", reorderWindow = defaultReorderWindow } = options
    this.#source = new PullSource(source)
    this.#fn = fn
    this.#plan = itemPlan(options, options.clock ?? systemClock, options.random ?? systemRandom)
    this.#slots = concurrency === "auto" ? autoSlots(() => this.#pump()) : fixedSlots(concurrency)
    this.#rule = failureRule(options.onError)
    this.#inInputOrder = order === "input"
    this.#windowSize = this.#inInputOrder ? reorderWindow : Infinity
    const shared = new ItemScope(this.#parent, undefined, this.#abort.signal, this.#plan.priority)
    this.#inSharedScope = runInScope(shared, captureContext)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  get concurrency(): number | "auto" {
    return this.#slots.concurrency
  }

  set concurrency(to: number | "auto") {
    checkConcurrency(to)
    this.#slots.concurrency = to
    this.#pump()
  }

  next(): Promise<IteratorResult<Outcome<O>, undefined>> {
    if (!this.#isStarted) this.#start()
    const result = this.#out.next()
    this.#pump()
    return result
  }

  return(): Promise<IteratorResult<Outcome<O>, undefined>> {
    this.#isStarted = true
    this.#out.drop()
    this.#stop("left", new DOMException("Nobody takes the outcomes any more.", "AbortError"))
    return this.#out.next()
  }

  #start(): void {
    this.#isStarted = true
    for (const signal of new Set([this.#plan.signal, this.#parent?.signal])) {
      if (signal?.aborted) return this.#stop("cancelled", signal.reason)
      if (signal) this.#forgets.push(onAbort(signal, () => this.#stop("cancelled", signal.reason)))
    }
    this.#returnPlace = lendPlace(this.#plan.limiter, this.#parent)
  }

  get #isOver(): boolean {
    return this.#source.isExhausted || this.#end !== undefined
  }

  /** Nobody may pull now: an item is on its way already, or the consumer has to take something first. */
  get #isBlocked(): boolean {
    if (this.#source.isPulling) return true
    const { ready, taken } = this.#out
    return ready >= Math.max(this.#slots.floor, this.#running) || this.#pulled - taken >= this.#windowSize
  }

  /** Gets one more worker going, if there is room for one. Each worker that has pulled gets the next one going. */
  #pump(): void {
    if (!this.#isStarted || this.#isOver || this.#isBlocked) return
    const resume = this.#parked.pop()
    if (resume) resume()
    else if (this.#slots.mayStart()) {
      // Not in the context of whoever made the room.
      this.#inContext(() => this.#slots.start(this.#work, () => this.#pump()))
    }
  }

  /** Pulls an item, runs it, and again. Parks while there is no room, leaves when there are too many workers. */
  readonly #work = async (): Promise<void> => {
    const source = this.#source
    const { signal } = this.#abort
    const { gate } = this.#slots
    const isShared = this.#plan.isPlain && !gate
    while (!this.#isOver && this.#slots.mayStay()) {
      if (this.#isBlocked) {
        await new Promise<void>((resume) => void this.#parked.push(resume))
        continue
      }
      let step: IteratorYieldResult<I> | undefined
      try {
        step = source.isAsync ? await source.pullLater() : source.pull()
      } catch (error) {
        return this.#stop("failed", error)
      }
      if (!step) return this.#wind()
      if (this.#end) return
      const index = this.#pulled++
      const scope = isShared ? undefined : this.#enter(index)
      this.#running++
      let outcome: Outcome<O> | undefined
      try {
        const pending = scope
          ? this.#inContext(runInScope, scope, runItem<I, O>, step.value, index, this.#fn, this.#plan, scope)
          : this.#inSharedScope(this.#fn, step.value, { index, attempt: 1, signal })
        this.#pump()
        const result = await pending
        outcome = scope ? (result as Outcome<O>) : { status: "ok", index, value: result as O, attempts: 1 }
      } catch (error) {
        // What an abort ended has no outcome.
        if (!signal.aborted) outcome = { status: "failed", index, error, attempts: 1 }
      }
      this.#running--
      if (scope) gate?.leave(scope)
      if (outcome) this.#settle(outcome)
      if (this.#isOver) this.#wind()
    }
  }

  #enter(index: number): ItemScope {
    const { gate } = this.#slots
    const scope = new ItemScope(this.#parent, index, this.#abort.signal, this.#plan.priority, gate)
    gate?.enter(scope)
    return scope
  }

  #settle(outcome: Outcome<O>): void {
    const stop = this.#rule(outcome)
    if (stop?.code !== "item-failed") this.#out.put(this.#inInputOrder ? outcome.index : this.#completed++, outcome)
    if (stop) this.#stop("failed", stop)
  }

  /** Nothing more is started. */
  #stop(how: "failed" | "cancelled" | "left", reason: unknown): void {
    if (this.#end || this.#isFinishing) return
    this.#end = { how, reason }
    if (how === "cancelled") this.#out.drop()
    this.#abort.abort(reason)
    this.#wind()
  }

  /** Sends idle workers home, and ends when the last item has. */
  #wind(): void {
    for (const resume of this.#parked.splice(0)) resume()
    if (this.#running > 0 || this.#isFinishing) return
    this.#isFinishing = true
    void this.#finish()
  }

  async #finish(): Promise<void> {
    for (const forget of this.#forgets) forget()
    let failure = this.#end && this.#end.how !== "left" ? { reason: this.#end.reason } : undefined
    for (const end of [() => this.#source.close(), () => this.#returnPlace?.()]) {
      try {
        await end()
      } catch (reason) {
        failure ??= { reason }
      }
    }
    this.#out.end(failure)
  }
}
