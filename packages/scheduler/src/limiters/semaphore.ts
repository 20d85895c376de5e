import {
  countInScope,
  currentScope,
  runInScope,
  SluiceError,
  type AdmitOptions,
  type Clock,
  type Cost,
  type Limiter,
  type Permit,
  type TaskScope,
} from "@sluice/core"
import {
  callable,
  checkOptions,
  clock as isClock,
  count,
  invalidOption,
  needed,
  type Shape,
  text,
} from "@sluice/core/internal"
import { onAbort } from "../queue/on-abort.ts"
import { assertNoReentry } from "../queue/reentry.ts"
import { systemClock } from "../runtime/system-clock.ts"
import { Waiter } from "../queue/waiter.ts"
import { wrongAsk, wrongEnd } from "../queue/limiter-checks.ts"
import { WaiterList, type ListedWaiter } from "../queue/waiter-list.ts"

export interface SemaphoreOptions {
  /** How many may hold a permit at once. */
  readonly limit: number
  /** Names it in errors. Default `"semaphore"`. */
  readonly name?: string
  /** How many places a call takes. Default 1, whatever it costs. */
  readonly weigh?: (cost: Cost) => number
  /** A call that would be one more in the queue is refused. Default 100,000. */
  readonly maxQueue?: number
  /** Times `maxWaitMs`. */
  readonly clock?: Clock
}

/** A counter of what runs now, to be shared by any number of maps, nodes, flows and runs. */
export interface Semaphore extends Limiter {
  /** Settable: more lets waiters go at once; fewer takes effect as permits come back. */
  limit: number
  snapshot(): { readonly name: string; readonly limit: number; readonly inUse: number; readonly waiting: number }
  /** Runs `fn` with a permit, and gives it back however `fn` ends. */
  use<R>(fn: () => R | PromiseLike<R>, options?: AdmitOptions): Promise<R>
}

/** 100,000 waiters take about 30 MB: more than any healthy queue, and less than harm. */
const defaultMaxQueue = 100_000

const checks: Shape<SemaphoreOptions> = {
  limit: needed(count()),
  name: text,
  weigh: callable,
  maxQueue: count(0),
  clock: isClock,
}

/**
 * A counting semaphore.
 *
 * - First come, first served; a step of `priority` lets a call overtake at most 100 earlier ones. A heavy call at the head
 *   keeps its place while room gathers, so light ones behind it do not starve it.
 * - A permit that comes back goes to the next waiter in the same tick.
 * - An abort ends a wait at once, with `signal.reason` untouched.
 * - Waiting for a permit inside a task that holds one fails with `limiter-reentry` when it could only wait for ever. A nested
 *   `parallelMap` with the same semaphore borrows the place of the task around it instead.
 *
 * @throws SluiceError `queue-full`, `cost-exceeds-limit`, `deadline-unreachable`, `limiter-reentry`
 *
 * @example
 * ```ts
 * const two = semaphore({ limit: 2 })
 * const text = await two.use(async () => "at most two of these at once")
 * two.snapshot() // => { name: "semaphore", limit: 2, inUse: 0, waiting: 0 }
 * ```
 */
export function semaphore(options: SemaphoreOptions): Semaphore {
  checkOptions("semaphore", options, checks)
  return new CountingSemaphore(options)
}

class QueuedTask extends Waiter implements ListedWaiter {
  readonly weight: number
  readonly priority: number
  readonly ticket: number
  previous: ListedWaiter | undefined = undefined
  next: ListedWaiter | undefined = undefined

  constructor(weight: number, priority: number, ticket: number, scope: TaskScope | undefined) {
    super(scope)
    this.weight = weight
    this.priority = priority
    this.ticket = ticket
  }
}

class CountingSemaphore implements Semaphore {
  readonly #name: string
  readonly #weigh: ((cost: Cost) => number) | undefined
  readonly #maxQueue: number
  readonly #clock: Clock
  readonly #queue = new WaiterList<QueuedTask>()
  #limit: number
  #inUse = 0
  #tickets = 0

  constructor({ limit, name = "semaphore", weigh, maxQueue = defaultMaxQueue, clock = systemClock }: SemaphoreOptions) {
    this.#limit = limit
    this.#name = name
    this.#weigh = weigh
    this.#maxQueue = maxQueue
    this.#clock = clock
  }

  get limit(): number {
    return this.#limit
  }

  set limit(limit: number) {
    checkOptions("semaphore", { limit }, { limit: needed(count()) })
    this.#limit = limit
    this.#admitWaiters()
  }

  snapshot(): { name: string; limit: number; inUse: number; waiting: number } {
    return { name: this.#name, limit: this.#limit, inUse: this.#inUse, waiting: this.#queue.size }
  }

  tryAdmit(cost: Cost = {}, options?: AdmitOptions): Permit | undefined {
    const wrong = wrongAsk(cost, options)
    if (wrong) throw wrong
    const weight = this.#weightOf(cost)
    if (this.#queue.size > 0 || this.#inUse + weight > this.#limit) return undefined
    return this.#grant(weight, currentScope())
  }

  // Not an async function: a free permit, and an error, would come ticks later.
  admit(cost: Cost = {}, options: AdmitOptions = {}): Promise<Permit> {
    const scope = currentScope()
    const signal = options.signal ?? scope?.signal
    if (signal?.aborted) return Promise.reject(signal.reason as Error)
    try {
      const permit = this.tryAdmit(cost, options)
      return permit ? Promise.resolve(permit) : this.#wait(this.#weightOf(cost), options, signal, scope)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async use<R>(fn: () => R | PromiseLike<R>, options: AdmitOptions = {}): Promise<R> {
    const permit = await this.admit({}, options)
    const parent = currentScope()
    const held: Limiter[] = [this]
    const scope: TaskScope = {
      parent,
      site: `${parent ? `${parent.site} in ` : ""}${this.#name}.use`,
      runId: parent?.runId,
      spanId: parent?.spanId,
      spend: parent?.spend,
      ...(parent?.signal && { signal: parent.signal }),
      ...(parent?.priority !== undefined && { priority: parent.priority }),
      waiting: 0,
      holding: 0,
      held,
    }
    try {
      const value = await runInScope(scope, fn)
      permit.settle({ outcome: "success" })
      return value
    } catch (error) {
      permit.settle({ outcome: "ignored" })
      throw error
    } finally {
      held.length = 0
    }
  }

  #weightOf(cost: Cost): number {
    if (!this.#weigh) return 1
    const weight = this.#weigh(cost)
    if (!(weight >= 0)) throw invalidOption("semaphore", "weigh(cost)", "a number from 0 up", weight)
    if (weight <= this.#limit) return weight
    throw new SluiceError(
      "cost-exceeds-limit",
      `A call of weight ${weight} can never fit into ${this.#name}, which has ${this.#limit} places. Split it or raise the limit.`,
      { details: { weight, limit: this.#limit } },
    )
  }

  #grant(weight: number, scope: TaskScope | undefined): Permit {
    this.#inUse += weight
    countInScope(scope, "holding", 1)
    let isHeld = true
    return {
      settle: (end) => {
        if (!isHeld) return
        isHeld = false
        const wrong = wrongEnd(end)
        this.#inUse -= weight
        countInScope(scope, "holding", -1)
        this.#admitWaiters()
        if (wrong) throw wrong
      },
    }
  }

  #wait(
    weight: number,
    options: AdmitOptions,
    signal: AbortSignal | undefined,
    scope: TaskScope | undefined,
  ): Promise<Permit> {
    const { priority = scope?.priority ?? 0, maxWaitMs } = options
    const waiting = this.#queue.size
    if (waiting >= this.#maxQueue) {
      throw new SluiceError(
        "queue-full",
        `${waiting} calls wait for ${this.#name} already. Raise maxQueue or send slower.`,
        {
          retryable: true,
          details: { waiting, maxQueue: this.#maxQueue },
        },
      )
    }
    const endReentry = assertNoReentry(this, scope, this.#limit)
    const waiter = new QueuedTask(weight, priority, this.#tickets++, scope)
    const promise = waiter.wait()
    this.#queue.push(waiter)
    const fail = (reason: unknown): void => {
      waiter.fail(reason)
      this.#admitWaiters()
    }
    waiter.atEnd(() => this.#queue.remove(waiter))
    waiter.atEnd(endReentry)
    waiter.atEnd(signal && onAbort(signal, () => fail(signal.reason)))
    if (maxWaitMs !== undefined) {
      waiter.atEnd(this.#clock.setTimer(maxWaitMs, () => fail(this.#late(maxWaitMs))))
    }
    return promise
  }

  #late(maxWaitMs: number): SluiceError {
    const { limit, inUse, waiting, name } = this.snapshot()
    return new SluiceError(
      "deadline-unreachable",
      `No permit of ${name} within ${maxWaitMs} ms: ${inUse} of ${limit} places are taken and ${waiting} other calls wait.`,
      { retryable: true, details: { maxWaitMs, limit, inUse, waiting } },
    )
  }

  #admitWaiters(): void {
    for (let next = this.#queue.first(); next; next = this.#queue.first()) {
      // A limit that was lowered below a waiter's weight lets it go alone rather than block everybody for ever.
      if (this.#inUse > 0 && this.#inUse + next.weight > this.#limit) return
      next.admit(this.#grant(next.weight, next.scope))
    }
  }
}
