import type { Clock } from "@sluice/core"
import { unlessLate } from "@sluice/core/internal"

/** Who looks should not wonder for longer. */
const mostMs = 3_000

/**
 * The same question, put once at a time however many ask, and answered in time: by an error with the status of HTTP that says so, where what is asked
 * for cannot be read (503) or does not come (504).
 */
export function inTime<T>(clock: Clock, ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined
  const late = (): Error => withStatus(504, `No answer within ${mostMs / 1_000} seconds.`)
  return () => {
    asked ??= askOnce(ask).finally(() => (asked = undefined))
    return unlessLate(clock, mostMs, asked, late)
  }
}

async function askOnce<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    throw withStatus(503, error instanceof Error && error.message !== "" ? error.message : "It cannot be read.")
  }
}

function withStatus(statusCode: number, message: string): Error {
  return Object.assign(new Error(message), { statusCode })
}
