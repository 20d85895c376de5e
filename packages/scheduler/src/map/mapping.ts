import { currentScope, type Clock, type ItemWork, type MapOptions, type Outcome, type Random } from "@sluice/core"
import { failurePolicy, type FailurePolicy } from "@sluice/core/internal"
import { lendPermit } from "../item/lent-permit.ts"
import { itemPlan } from "../item/plan.ts"
import { captureContext } from "../runtime/async-context.ts"
import { MapLife } from "./map-life.ts"
import { MapWorker, type Job } from "./map-worker.ts"
import { checkConcurrency, type ParallelMap } from "./options.ts"
import { OutcomeStream } from "./outcome-stream.ts"
import { PullSource } from "./pull-source.ts"
import { AutoSlots, FixedSlots, type Slots } from "./slots.ts"

/**
 * One map: decides when the next item is pulled, gives it to a worker, and hands its outcome over. Workers run items
 * (`MapWorker`), `Slots` says how many workers there may be, `MapLife` what ends the map.
 */
export class Mapping<I, O> implements ParallelMap<O> {
  readonly #source: PullSource<I>
  readonly #job: Job<I, O>
  readonly #slots: Slots
  /** For maps made by hand: core stops a batch itself, and asks to collect. */
  readonly #policy: FailurePolicy
  readonly #signal: AbortSignal | undefined
  readonly #out: OutcomeStream<O>
  readonly #life: MapLife
  readonly #inContext = captureContext()
  /** Workers that wait for room. */
  readonly #parked: MapWorker<I, O>[] = []
  #isStarted = false
  #isPumping = false
  /** Workers that have a slot and no item yet. */
  #beginning = 0
  #pulled = 0
  #running = 0

  constructor(
    source: Iterable<I> | AsyncIterable<I>,
    work: ItemWork<I, O>,
    options: MapOptions,
    clock: Clock,
    random: Random,
  ) {
    const { concurrency = "auto", order, reorderWindow, onError = "stop", priority, signal } = options
    this.#source = new PullSource(source)
    this.#out = new OutcomeStream(order, reorderWindow)
    this.#life = new MapLife(this.#out)
    this.#life.atEnd(() => this.#source.close())
    this.#slots =
      concurrency === "auto"
        ? new AutoSlots(
            () => this.#pump(),
            () => this.#left(),
          )
        : new FixedSlots(concurrency)
    this.#policy = failurePolicy(onError)
    this.#signal = signal
    this.#job = {
      plan: itemPlan(work, clock, random),
      parent: currentScope(),
      priority,
      signal: this.#life.signal,
      auto: this.#slots.auto,
      onBroken: (reason) => this.#stop("cancelled", reason),
      onEnd: (worker, position, outcome) => this.#ended(worker, position, outcome),
    }
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

  async *values(): AsyncGenerator<O, void, undefined> {
    for await (const outcome of this) {
      if (outcome.status === "failed") throw outcome.error
      yield outcome.value
    }
  }

  #start(): void {
    this.#isStarted = true
    const { plan, parent } = this.#job
    for (const signal of new Set([this.#signal, parent?.signal])) this.#life.follow(signal, () => this.#wind())
    if (!this.#life.isStopped) this.#life.atEnd(lendPermit(plan.policy.limiter, parent))
  }

  // Methods: a private getter is a call into V8's runtime each time, 50 ns an item.

  #isOver(): boolean {
    return this.#source.isExhausted || this.#life.isStopped
  }

  /** How many items may still come: of a source that is no list nobody knows before the last has. */
  #left(): number {
    return this.#isOver() ? 0 : this.#source.size - this.#pulled
  }

  /** Nobody may pull now: an item is on its way already, or the consumer has to take something first. */
  #isBlocked(): boolean {
    return this.#source.isPulling || this.#out.isFull(this.#pulled, Math.max(this.#slots.floor, this.#running))
  }

  /** A worker could go on, if there is room. */
  #hasWorker(): boolean {
    return this.#parked.length > 0 || this.#slots.mayStart(this.#beginning, this.#running)
  }

  /** Gets workers going while there is room for them. */
  #pump(): void {
    if (this.#isPumping || !this.#isStarted || !this.#hasWorker() || this.#isOver() || this.#isBlocked()) return
    this.#isPumping = true
    // Not in the context of whoever made the room.
    this.#inContext(this.#fill)
    this.#isPumping = false
  }

  /** Asked where a worker could go on, and may. */
  readonly #fill = (): void => {
    do {
      const worker = this.#parked.pop()
      if (!worker) this.#begin()
      else if (this.#slots.mayStay()) this.#pull(worker)
      else worker.leave()
    } while (this.#hasWorker() && !this.#isOver() && !this.#isBlocked())
  }

  #begin(): void {
    this.#beginning++
    const begin = (leave: () => void): void => {
      this.#beginning--
      this.#goOn(new MapWorker(this.#job, leave))
    }
    this.#slots.start(begin, () => this.#pump())
  }

  /** Hands the worker its next item. It parks while there is no room, and leaves when there are too many. */
  #goOn(worker: MapWorker<I, O>): void {
    if (this.#isOver() || !this.#slots.mayStay()) return worker.leave()
    if (this.#isBlocked()) this.#parked.push(worker)
    else this.#pull(worker)
  }

  #pull(worker: MapWorker<I, O>): void {
    if (this.#source.isAsync) void this.#source.pullLater().then((step) => this.#run(worker, step))
    else this.#run(worker, this.#source.pull())
  }

  #run(worker: MapWorker<I, O>, step: IteratorYieldResult<I> | undefined): void {
    const { failure } = this.#source
    if (failure) this.#stop("failed", failure.reason)
    else if (!step) this.#wind()
    if (!step || this.#life.isStopped) return worker.leave()
    this.#running++
    worker.run(step.value, this.#pulled++)
    this.#pump()
  }

  #ended(worker: MapWorker<I, O>, position: number, outcome: Outcome<O> | undefined): void {
    this.#running--
    const stop = outcome && this.#policy(outcome)
    if (outcome && stop?.code !== "item-failed") this.#out.put(position, outcome)
    if (stop) this.#stop("failed", stop)
    else if (this.#isOver()) this.#wind()
    this.#goOn(worker)
  }

  #stop(how: "failed" | "cancelled" | "left", reason: unknown): void {
    this.#life.stop(how, reason)
    this.#wind()
  }

  /** Nothing more is started: sends idle workers home, and ends the map when its last item has ended. */
  #wind(): void {
    for (const worker of this.#parked.splice(0)) worker.leave()
    if (this.#running === 0) void this.#life.finish()
  }
}
