import type { ItemContext } from "../scope/context.ts"
import type { AttemptContext } from "../ports/attempt-context.ts"
import { runWithin } from "../ports/event-sink.ts"
import type { RunState } from "../run/frame.ts"
import type { Work } from "../scope/work.ts"
import type { AttemptEnd } from "../ports/executor.ts"
import { keptErrors } from "./item-error.ts"

/** `exec` as an attempt of a run: when somebody listens, its start is noted, and it runs inside what the listener puts around it. */
export function observedAttempt<I, O>(
  exec: (item: I, context: ItemContext) => O,
  { emit, sink, runId, runtime }: RunState,
): (item: I, context: AttemptContext) => O {
  if (!emit) return (item, context) => exec(item, context as Work)
  return (item, context) => {
    const scope = context as Work
    const atMs = runtime.clock.now()
    scope.item.startedMs = atMs
    if (!sink?.within) return exec(item, scope)
    const { index, attempt, path: node } = scope
    const { spanId } = scope.item
    return runWithin(sink, { type: "attempt", atMs, runId, spanId, node, index, attempt }, () => exec(item, scope))
  }
}

/** Tells of an attempt, and keeps its error for the one that the item may end with. */
export function reportAttempt(event: AttemptEnd, scope: Work): void {
  const { item, frame } = scope
  const { run } = frame
  const { index, attempt } = event
  const failure = "error" in event ? { error: event.error } : {}
  const { startedMs: startMs } = item
  item.startedMs = undefined
  run.emit?.({
    type: "attempt-end",
    node: scope.path,
    index,
    attempt,
    ...(startMs !== undefined && { startMs }),
    ...failure,
    runId: run.runId,
    spanId: run.spans++,
    parentId: item.spanId,
  })
  if (!("error" in event)) return
  const errors = (item.errors ??= [])
  if (errors.length === keptErrors) errors.shift()
  errors.push(event.error)
}

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
