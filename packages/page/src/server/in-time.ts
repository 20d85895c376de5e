import type { Clock } from "@sluice/core"

/** Who looks should not wonder for longer. */
const mostMs = 3_000

/**
 * The same question, put once at a time however many ask, and answered in time: by an error with the status of HTTP that says so, where what is asked
 * for cannot be read (503) or does not come (504).
 */
export function inTime<T>(clock: Clock, ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined
  return async () => {
    asked ??= askOnce(ask).finally(() => (asked = undefined))
    let cancel: (() => void) | undefined
    const late = new Promise<never>((_resolve, reject) => {
      const fail = (): void => reject(withStatus(504, `No answer within ${mostMs / 1_000} seconds.`))
      cancel = clock.setTimer(mostMs, fail)
    })
    try {
      return await Promise.race([asked, late])
    } finally {
      cancel?.()
    }
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
