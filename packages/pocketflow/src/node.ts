import type { ItemWork } from "@sluice/core"
import { AttemptScope } from "./attempt-scope.ts"
import { BaseNode, type NonIterableObject } from "./base-node.ts"
import type { Limits } from "./limits.ts"
import { mapAll } from "./map-all.ts"

/**
 * A node whose `exec` has `maxRetries` attempts in all, `wait` seconds apart, and then `execFallback`.
 *
 * @throws what the last attempt threw, untouched, unless `execFallback` returns. SluiceError `invalid-option` when run
 * with a number of attempts below 1: `exec` would never run.
 *
 * @example
 * ```ts
 * class Flaky extends Node<{ answer?: string }> {
 *   override async exec(): Promise<string> {
 *     if (this.currentRetry === 0) throw new Error("busy")
 *     return "done"
 *   }
 *   override async post(shared: { answer?: string }, _: unknown, answer: string) { shared.answer = answer; return undefined }
 * }
 * const shared: { answer?: string } = {}
 * await new Flaky(2).run(shared)
 * shared.answer // => "done"
 * ```
 */
export class Node<S = unknown, P extends NonIterableObject = NonIterableObject> extends BaseNode<S, P> {
  maxRetries: number
  /** Seconds between two attempts. */
  wait: number
  limits: Limits
  /** What `currentRetry` is for code outside of attempts. */
  protected _lastRetry = 0

  constructor(maxRetries = 1, wait = 0, limits: Limits = {}) {
    super()
    this.maxRetries = maxRetries
    this.wait = wait
    this.limits = limits
  }

  /** 0-based, of the item that the calling code works on, however many are in flight; elsewhere of the latest attempt. */
  get currentRetry(): number {
    return AttemptScope.of(this)?.retry ?? this._lastRetry
  }

  set currentRetry(retry: number) {
    this._lastRetry = retry
  }

  async execFallback(_prepRes: unknown, error: Error): Promise<unknown> {
    throw error
  }

  override async _exec(prepRes: unknown): Promise<unknown> {
    const [result] = await mapAll([prepRes], this._work, { concurrency: 1 })
    return result
  }

  /** The attempts at a prepared value or an item, and what stands in for it. */
  protected get _work(): ItemWork<unknown, unknown> {
    const waitMs = this.wait > 0 ? this.wait * 1_000 : 0
    const { concurrency: _, ...limits } = this.limits
    return {
      open: AttemptScope.opener(this),
      attempt: (input, { attempt }) => {
        this._lastRetry = attempt - 1
        return this.exec(input)
      },
      policy: {
        ...limits,
        retry: {
          maxAttempts: this.maxRetries,
          backoff: { initialMs: waitMs, factor: 1, maxMs: waitMs, jitter: "none" },
          // Also an AbortError, which a program's own time limit throws.
          retryIf: (error) => (error as { retryable?: unknown } | null | undefined)?.retryable !== false,
        },
        fallback: (input, error) => this.execFallback(input, error as Error),
      },
    }
  }
}
