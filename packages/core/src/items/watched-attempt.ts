import type { ItemContext } from "../scope/context.ts"
import type { Work } from "../scope/work.ts"
import { reportAttempt } from "./item-work.ts"
import { observedAttempt } from "./observed-attempt.ts"

/** The only attempt at what nothing but a listener follows: no executor is asked, and the scope of the visit serves it too. */
export async function watchedAttempt<I, O>(
  exec: (item: I, context: ItemContext) => O,
  item: I,
  work: Work,
): Promise<Awaited<O>> {
  const { index, attempt, signal, frame } = work
  if (signal.aborted) throw signal.reason
  let value: Awaited<O>
  try {
    value = await observedAttempt(exec, frame.run)(item, work)
  } catch (error) {
    reportAttempt({ index, attempt, error }, work)
    throw signal.aborted ? signal.reason : error
  }
  reportAttempt({ index, attempt }, work)
  return value
}
