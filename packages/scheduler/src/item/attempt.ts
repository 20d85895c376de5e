import {
  runInScope,
  SluiceError,
  type AttemptContext,
  type Cost,
  type Feedback,
  type Limiter,
  type Outcome,
} from "@sluice/core"
import type { ItemPlan } from "./plan.ts"
import { ItemScope } from "./item-scope.ts"
import { onAbort } from "../queue/on-abort.ts"
import { Place } from "./lent-permit.ts"

export type ItemFunction<I, O> = (item: I, context: AttemptContext) => O | PromiseLike<O>

/**
 * An attempt at an item: admitted, limited in time, its permit settled. What comes between its begin and its end is the caller's
 * to wait for, so it costs no promise of its own. Whoever makes one attempt after the other uses one object for all of them.
 */
export class Attempt<I, O> {
  readonly #fn: ItemFunction<I, O>
  readonly #plan: ItemPlan<I, O>
  #scope!: ItemScope
  #item!: I
  #index = 0
  #number = 1
  #place: Place | undefined = undefined

  constructor(fn: ItemFunction<I, O>, plan: ItemPlan<I, O>) {
    this.#fn = fn
    this.#plan = plan
  }

  prepare(item: I, index: number, number: number, scope: ItemScope): void {
    this.#item = item
    this.#index = index
    this.#number = number
    this.#scope = scope
  }

  /** Runs inside the scope. Its value goes to `succeed`, its error to `fail`. */
  begin(): O | PromiseLike<O> {
    const { limiter, cost } = this.#plan
    if (!limiter) return this.#call()
    const asked = cost?.(this.#item)
    this.#place = Place.tryTake(limiter, asked, this.#scope)
    return this.#place ? this.#call() : this.#callOnceAdmitted(limiter, asked)
  }

  succeed(value: O): Outcome<O> {
    const index = this.#index
    const attempts = this.#number
    this.#release()?.settle("success")
    this.#plan.onAttempt?.({ index, attempt: attempts })
    return { status: "ok", index, value, attempts }
  }

  fail(error: unknown): Outcome<O> {
    const index = this.#index
    const attempts = this.#number
    settleFailed(this.#release(), error)
    this.#plan.onAttempt?.({ index, attempt: attempts, error })
    return { status: "failed", index, error, attempts }
  }

  #release(): Place | undefined {
    const place = this.#place
    this.#place = undefined
    return place
  }

  async #callOnceAdmitted(limiter: Limiter, asked: Cost | undefined): Promise<O> {
    this.#place = await Place.take(limiter, asked, this.#scope)
    return this.#call()
  }

  #call(): O | PromiseLike<O> {
    const { timeoutMs } = this.#plan
    if (timeoutMs !== undefined) return this.#callInTime(timeoutMs)
    return this.#fn(this.#item, { index: this.#index, attempt: this.#number, signal: this.#scope.signal })
  }

  /**
   * Aborts the attempt's own signal when time is up and goes on without it: an attempt that ignores its signal
   * cannot hold up its item, and its late answer is dropped.
   */
  #callInTime(timeoutMs: number): Promise<O> {
    const index = this.#index
    const attempt = this.#number
    const scope = this.#scope
    return new Promise((resolve, reject) => {
      const controller = new AbortController()
      const { signal } = controller
      const forget = onAbort(scope.signal, () => controller.abort(scope.signal.reason))
      const cancel = this.#plan.clock.setTimer(timeoutMs, () => {
        forget()
        const error = new SluiceError(
          "timeout",
          `Attempt ${attempt} at item ${index} took longer than ${timeoutMs} ms.`,
          { retryable: true, details: { index, attempt, timeoutMs } },
        )
        controller.abort(error)
        reject(error)
      })
      const end = (): void => {
        forget()
        cancel()
      }
      const attemptScope = new ItemScope(scope, undefined, signal, scope.priority)
      runInScope(attemptScope, async () => this.#fn(this.#item, { index, attempt, signal })).then(
        (value) => (end(), resolve(value)),
        (error: unknown) => (end(), reject(error)),
      )
    })
  }
}

/** Tells the limiter what a failed attempt says about it: SDKs' errors carry the status of a refusal. */
function settleFailed(place: Place | undefined, error: unknown): void {
  if (!place) return
  const { status, statusCode, retryAfterMs } = (error ?? {}) as Record<string, unknown>
  const code = status ?? statusCode
  if (code !== 429 && code !== 529) return place.settle("ignored")
  const feedback: Feedback = { refusal: { reason: code === 429 ? "rate" : "overloaded" } }
  place.settle("throttled", typeof retryAfterMs === "number" ? { ...feedback, retryAfterMs } : feedback)
}
