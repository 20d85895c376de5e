import type { Clock } from "@sluice/core"
import { type RetryDecision, sleep } from "@sluice/scheduler"
import pRetry from "p-retry"

/**
 * Does a step of the work in the background again for as long as `decide` says so. Rejects with what the last attempt threw, or with
 * `signal.reason`, at once where it waits. p-retry counts the attempts and minds the signal; every delay is ours, on the `clock`.
 */
export async function persistently<T>(
  act: () => Promise<T>,
  decide: (error: unknown, attempt: number) => RetryDecision,
  { maxAttempts, clock, signal }: { readonly maxAttempts: number; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<T> {
  let done: { readonly value: T } | undefined
  const attempt = async (): Promise<T> => {
    try {
      done = { value: await act() }
      return done.value
    } catch (error) {
      throw new Thrown(error)
    }
  }
  try {
    return await pRetry(attempt, {
      retries: maxAttempts - 1,
      // Its own delays run on real timers, and know no vendor's word.
      minTimeout: 0,
      signal,
      shouldRetry: async ({ error, attemptNumber }) => {
        const { retry, delayMs = 0 } = decide((error as Thrown).thrown, attemptNumber)
        if (retry) await sleep(clock, delayMs, signal)
        return retry
      },
    })
  } catch (error) {
    // What was made counts, though an abort came meanwhile: p-retry would drop the id of a batch.
    if (done) return done.value
    throw error instanceof Thrown ? error.thrown : error
  }
}

/** Carries what was thrown past p-retry, which repeats no `TypeError` but those that it knows, and replaces what is no error. */
class Thrown extends Error {
  readonly thrown: unknown

  constructor(thrown: unknown) {
    super("the step failed")
    this.thrown = thrown
  }
}
