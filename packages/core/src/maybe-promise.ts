/** A value, or a promise of it: functions of nodes may be sync or async. */
export type MaybePromise<T> = T | PromiseLike<T>

/** Awaiting costs a turn of the microtask queue, which sync nodes need not pay. */
export function isPromiseLike<T>(value: MaybePromise<T>): value is PromiseLike<T> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof (value as { then: unknown }).then === "function"
  )
}
