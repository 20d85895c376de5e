import type { Cost, Limiter } from "@sluice/core"
import { callable, checkArgument, checkOptions, limiter, needed } from "@sluice/core/internal"

/** What a throttled function is held back by, and what each call of it takes. */
export interface ThrottleOptions<A extends readonly unknown[]> {
  readonly limiter: Limiter
  /** Default: one request. */
  readonly cost?: (...args: A) => Cost
}

/**
 * The same function, each call of which is admitted first: for what is not HTTP, or not a model's. In the order of the calls;
 * an item that makes the call waits and is cancelled with it. A call that throws says nothing about the limit. For retries,
 * or an answer that names the limit itself, take the permit by hand (`limiter.admit`).
 *
 * @throws SluiceError `invalid-option` at once; calls reject with what the function throws, and with the limiter's errors.
 * @example
 * ```ts
 * const quota = createQuota({ requestsPerMinute: 600 })
 * const double = throttle((n: number) => 2 * n, quota)
 * await double(21) // => 42
 * ```
 */
export function throttle<A extends readonly unknown[], R>(
  fn: (...args: A) => R | PromiseLike<R>,
  options: Limiter | ThrottleOptions<A>,
): (...args: A) => Promise<R> {
  checkArgument("throttle", "fn", fn, callable)
  const given: ThrottleOptions<A> = isLimiter(options) ? { limiter: options } : options
  checkOptions<ThrottleOptions<A>>("throttle", given, { limiter: needed(limiter), cost: callable })
  return async (...args) => {
    const permit = await given.limiter.admit(given.cost?.(...args))
    try {
      const result = await fn(...args)
      permit.settle({ outcome: "success" })
      return result
    } catch (error) {
      permit.settle({ outcome: "ignored" })
      throw error
    }
  }
}

function isLimiter(options: Limiter | object): options is Limiter {
  return typeof options === "object" && options !== null && "admit" in options
}
