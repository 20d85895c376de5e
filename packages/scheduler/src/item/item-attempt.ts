import { runInScope, SluiceError, type AttemptContext, type Outcome, type Scope, type Settlement } from "@sluice/core"
import { onAbort } from "../queue/on-abort.ts"
import { LentPermit } from "./lent-permit.ts"
import type { ItemPlan } from "./plan.ts"
import { settlementOf } from "./settlement-of.ts"

const success: Settlement = Object.freeze({ outcome: "success" })

/**
 * An attempt at an item: admitted, limited in time, its permit settled. The caller waits between
 * `begin` and `succeed` or `fail`, so that an attempt costs no promise of its own. One object serves any number of attempts in turn.
 */
export class ItemAttempt<I, O> {
  readonly #plan: ItemPlan<I, O>
  #item!: I
  #scope!: Scope
  #context!: AttemptContext
  #permit: LentPermit | undefined = undefined
  #askedMs = 0
  /** When an attempt that was refused had asked first: the next one keeps its place in time. */
  #sinceMs: number | undefined = undefined

  constructor(plan: ItemPlan<I, O>) {
    this.#plan = plan
  }

  /** `scope` is the item's. `context` is what the attempt gets, where that is not the scope itself. */
  prepare(item: I, scope: Scope, context: AttemptContext): void {
    this.#item = item
    this.#scope = scope
    this.#context = context
    if (context.attempt === 1) this.#sinceMs = undefined
  }

  /** Runs inside the scope. Its value goes to `succeed`, its error to `fail`. */
  begin(): O | PromiseLike<O> {
    const { limiter, limiterKey, cost } = this.#plan.policy
    if (!limiter) return this.#call()
    const item = this.#item
    const asked = cost?.(item)
    const key = limiterKey?.(item, this.#context)
    const since = this.#sinceMs
    if (since === undefined && !this.#plan.isSingle) this.#askedMs = this.#plan.clock.now()
    this.#permit = LentPermit.tryTake(limiter, asked, this.#scope, key, since)
    return this.#permit
      ? this.#call()
      : this.#callOnceAdmitted(LentPermit.take(limiter, asked, this.#scope, key, since))
  }

  succeed(value: O): Outcome<O> {
    const { index, attempt } = this.#context
    this.#release()?.settle(success)
    this.#plan.work.attempted?.({ index, attempt }, this.#scope)
    return { status: "ok", index, value, attempts: attempt }
  }

  fail(error: unknown): Outcome<O> {
    const { index, attempt } = this.#context
    const permit = this.#release()
    if (permit) {
      const end = settlementOf(error)
      // After a failure it asks anew, or one item would be every probe of an outage.
      this.#sinceMs = end.outcome === "throttled" ? (this.#sinceMs ?? this.#askedMs) : undefined
      permit.settle(end)
    }
    this.#plan.work.attempted?.({ index, attempt, error }, this.#scope)
    return { status: "failed", index, error, attempts: attempt }
  }

  #release(): LentPermit | undefined {
    const permit = this.#permit
    this.#permit = undefined
    return permit
  }

  async #callOnceAdmitted(admission: Promise<LentPermit>): Promise<O> {
    this.#permit = await admission
    return this.#call()
  }

  #call(): O | PromiseLike<O> {
    const { policy, work } = this.#plan
    const context = this.#context
    if (policy.timeoutMs !== undefined) return this.#callInTime(policy.timeoutMs)
    if (context.attempt === 1) return work.attempt(this.#item, context)
    return runInScope(context as Scope, work.attempt, this.#item, context)
  }

  /**
   * Aborts the attempt's own signal when time is up and goes on without it: an attempt that ignores its signal
   * cannot hold up its item, and its late answer is dropped.
   */
  #callInTime(timeoutMs: number): Promise<O> {
    const item = this.#item
    const scope = this.#scope
    const { work, clock } = this.#plan
    const { index, attempt } = this.#context
    return new Promise((resolve, reject) => {
      const controller = new AbortController()
      const { signal } = controller
      const forget = onAbort(scope.signal, () => controller.abort(scope.signal.reason))
      const cancel = clock.setTimer(timeoutMs, () => {
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
      const limited = scope.again(attempt, signal)
      runInScope(limited, async () => work.attempt(item, limited)).then(
        (value) => (end(), resolve(value)),
        (error: unknown) => (end(), reject(error)),
      )
    })
  }
}
