import type { ItemContext } from "../scope/context.ts"
import type { AttemptContext } from "../ports/attempt-context.ts"
import { runWithin } from "../ports/event-sink.ts"
import type { RunState } from "../run/frame.ts"
import type { Work } from "../scope/work.ts"

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
