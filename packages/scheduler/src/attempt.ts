import {
  runInScope,
  SluiceError,
  type AttemptContext,
  type Cost,
  type Feedback,
  type Limiter,
  type Outcome,
} from "@sluice/core"
import type { ItemPlan } from "./item-plan.ts"
import { ItemScope } from "./item-scope.ts"
import { onAbort } from "./on-abort.ts"
import { Place } from "./place.ts"

export type ItemFunction<I, O> = (item: I, context: AttemptContext) => O | PromiseLike<O>

/**
 * One attempt at one item: admitted, limited in time, its permit settled. Begins once and ends once; what comes between is the
 * caller's to wait for, so that an attempt costs no promise of its own.
 */
export class Attempt<I, O> {
  readonly #item: I
  readonly #index: number
  readonly #number: number
  readonly #fn: ItemFunction<I, O>
  readonly #plan: ItemPlan<I, O>
  readonly #scope: ItemScope
  #place: Place | undefined = undefined

  constructor(item: I, index: number, number: number, fn: ItemFunction<I, O>, plan: ItemPlan<I, O>, scope: ItemScope) {
    this.#item = item
    this.#index = index
    this.#number = number
    this.#fn = fn
    this.#plan = plan
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
    this.#place?.settle("success")
    this.#plan.onAttempt?.({ index, attempt: attempts })
    return { status: "ok", index, value, attempts }
  }

  fail(error: unknown): Outcome<O> {
    const index = this.#index
    const attempts = this.#number
    if (this.#place) settleFailed(this.#place, error)
    this.#plan.onAttempt?.({ index, attempt: attempts, error })
    return { status: "failed", index, error, attempts }
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
function settleFailed(place: Place, error: unknown): void {
  const { status, statusCode, retryAfterMs } = (error ?? {}) as Record<string, unknown>
  const code = status ?? statusCode
  if (code !== 429 && code !== 529) return place.settle("ignored")
  const feedback: Feedback = { refusal: { reason: code === 429 ? "rate" : "overloaded" } }
  place.settle("throttled", typeof retryAfterMs === "number" ? { ...feedback, retryAfterMs } : feedback)
}
