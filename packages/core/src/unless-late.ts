import type { Clock } from "./ports/ports.ts"

/** What `answer` brings; rejects with what `late` makes where that takes longer than `ms`. Leaves no timer behind. */
export async function unlessLate<T>(clock: Clock, ms: number, answer: Promise<T>, late: () => Error): Promise<T> {
  const { promise: silence, reject } = Promise.withResolvers<never>()
  const cancel = clock.setTimer(ms, () => reject(late()))
  try {
    return await Promise.race([answer, silence])
  } finally {
    cancel()
  }
}
