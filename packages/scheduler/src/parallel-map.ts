import { currentScope, runInScope, type Outcome } from "@sluice/core"
import { captureContext, type InContext } from "./async-context.ts"
import { failureRule, type FailureRule } from "./failure-rule.ts"
import { itemPlan, type ItemPlan } from "./item-plan.ts"
import { ItemScope } from "./item-scope.ts"
import { OutcomeStream } from "./outcome-stream.ts"
import { MapLife } from "./map-life.ts"
import { checkConcurrency, checkMapOptions, type ParallelMap, type ParallelMapOptions } from "./map-options.ts"
import { lendPlace } from "./place.ts"
import { PullSource } from "./pull-source.ts"
import { runItem, type ItemFunction } from "./run-item.ts"
import { autoSlots, fixedSlots, type Slots } from "./slots.ts"
import { systemClock, systemRandom } from "./system-clock.ts"

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
  readonly #out: OutcomeStream<O>
  readonly #life: MapLife
  readonly #parent = currentScope()
  readonly #inContext = captureContext()
  /** What plain items of a fixed number of slots have in common: nobody counts what a single one of them holds. */
  readonly #inSharedScope: InContext
  readonly #parked: (() => void)[] = []
  #isStarted = false
  #pulled = 0
  #running = 0

  constructor(source: Iterable<I> | AsyncIterable<I>, fn: ItemFunction<I, O>, options: ParallelMapOptions<I, O>) {
    const { concurrency = "auto", order, reorderWindow } = options
    this.#source = new PullSource(source)
    this.#out = new OutcomeStream(order, reorderWindow)
    this.#life = new MapLife(this.#out)
    this.#life.atEnd(() => this.#source.close())
    this.#fn = fn
    this.#plan = itemPlan(options, options.clock ?? systemClock, options.random ?? systemRandom)
    this.#slots = concurrency === "auto" ? autoSlots(() => this.#pump()) : fixedSlots(concurrency)
    this.#rule = failureRule(options.onError)
    this.#inSharedScope = runInScope(
      new ItemScope(this.#parent, undefined, this.#life.signal, this.#plan.priority),
      captureContext,
    )
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
      this.#life.follow(signal, () => this.#wind())
    }
    if (!this.#life.isStopped) this.#life.atEnd(lendPlace(this.#plan.limiter, this.#parent))
  }

  get #isOver(): boolean {
    return this.#source.isExhausted || this.#life.isStopped
  }

  /** Nobody may pull now: an item is on its way already, or the consumer has to take something first. */
  get #isBlocked(): boolean {
    return this.#source.isPulling || this.#out.isFull(this.#pulled, Math.max(this.#slots.floor, this.#running))
  }

  /** Gets one more worker going, if there is room for one. Each worker that has pulled gets the next one going. */
  #pump(): void {
    const mayStart = this.#slots.mayStart()
    if (!(mayStart || this.#parked.length > 0) || !this.#isStarted || this.#isOver || this.#isBlocked) return
    const resume = this.#parked.pop()
    if (resume) resume()
    else if (mayStart) {
      // Not in the context of whoever made the room.
      this.#inContext(() => this.#slots.start(this.#work, () => this.#pump()))
    }
  }

  /** Pulls an item, runs it, and again. Parks while there is no room, leaves when there are too many workers. */
  readonly #work = async (): Promise<void> => {
    const source = this.#source
    const { signal } = this.#life
    const { gate } = this.#slots
    const { isPlain, priority } = this.#plan
    const isShared = isPlain && !gate
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
      if (this.#life.isStopped) return
      const index = this.#pulled++
      const scope = isShared ? undefined : new ItemScope(this.#parent, index, signal, priority, gate)
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

  #settle(outcome: Outcome<O>): void {
    const stop = this.#rule(outcome)
    if (stop?.code !== "item-failed") this.#out.put(outcome)
    if (stop) this.#stop("failed", stop)
  }

  #stop(how: "failed" | "left", reason: unknown): void {
    this.#life.stop(how, reason)
    this.#wind()
  }

  /** Nothing more is started: sends idle workers home, and ends the map when its last item has ended. */
  #wind(): void {
    for (const resume of this.#parked.splice(0)) resume()
    if (this.#running === 0) void this.#life.finish()
  }
}
