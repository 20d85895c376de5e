/** What a suite needs of a test framework: vitest's, jest's and node:test's `describe` and `it` fit. */
export interface TestFramework {
  readonly describe: (name: string, define: () => void) => unknown
  readonly it: (name: string, run: () => Promise<void> | void) => unknown
}

/** Lets promises, ticks and immediates settle: several turns of the event loop, no time. */
export async function turns(count = 10): Promise<void> {
  // oxlint-disable-next-line no-restricted-globals -- turns, not time
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** Where a promise stands, without waiting for it. */
export interface Watched<T> {
  readonly promise: Promise<T>
  readonly state: "pending" | "resolved" | "rejected"
  readonly value: T | undefined
  readonly reason: unknown
}

export function watch<T>(promise: PromiseLike<T>): Watched<T> {
  const watched: { -readonly [K in keyof Watched<T>]: Watched<T>[K] } = {
    promise: Promise.resolve(promise),
    state: "pending",
    value: undefined,
    reason: undefined,
  }
  watched.promise.then(
    (value) => Object.assign(watched, { state: "resolved", value }),
    (reason: unknown) => Object.assign(watched, { state: "rejected", reason }),
  )
  return watched
}
