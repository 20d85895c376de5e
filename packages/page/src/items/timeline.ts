import type { ItemTrace, Timeline, TraceStep } from "../wire.ts"
import type { ItemColumns } from "./item-columns.ts"
import type { Trace, Traces } from "./traces.ts"

/** A waterfall of more items is a wall. */
const mostShown = 40
const minuteMs = 60_000
/** A gap of the critical path that is longer is no chain. */
const mostSteps = 200

/** A sample of the items that were at work in a span of time, and what the last minute was spent on. */
export function timelineOf(
  traces: Traces,
  columns: ItemColumns,
  nowMs: number,
  span: { readonly fromMs?: number | undefined; readonly toMs?: number | undefined },
): Timeline {
  const toMs = span.toMs ?? nowMs
  const fromMs = span.fromMs ?? Math.max(0, toMs - minuteMs)
  const all = [...traces.all()]
  const inSpan = all
    .filter(({ startMs, endMs = nowMs }) => startMs <= toMs && endMs >= fromMs)
    .toSorted((a, b) => a.startMs - b.startMs)
  // Evenly, so that a sample of a long span is like the whole of it.
  const shown = Array.from({ length: Math.min(mostShown, inSpan.length) }, (_, at) => {
    return inSpan[Math.floor((at * inSpan.length) / Math.min(mostShown, inSpan.length))]!
  })
  const recent = all.filter(({ endMs }) => endMs !== undefined && endMs > nowMs - minuteMs)
  return {
    fromMs,
    toMs,
    of: inSpan.length,
    items: shown.map((trace) => traceOf(trace, columns)),
    lastMinute: { items: recent.length, parts: partsOf(recent) },
    critical: criticalPath(recent, columns, nowMs - minuteMs),
  }
}

export function traceOf({ row, startMs, endMs, status, steps }: Trace, columns: ItemColumns): ItemTrace {
  const [node, index] = [columns.node(row), columns.index[row]!]
  return { row, node, index, status, startMs, ...(endMs !== undefined && { endMs }), steps }
}

/** What items spent their time on, in all, the longest first. */
function partsOf(traces: readonly Trace[]): { name: string; ms: number }[] {
  const parts = new Map<string, number>()
  for (const { startMs, endMs = startMs, steps } of traces) {
    let left = endMs - startMs
    for (const step of steps) {
      const ms = Math.max(0, (step.toMs ?? endMs) - step.fromMs)
      parts.set(nameOf(step), (parts.get(nameOf(step)) ?? 0) + ms)
      left -= ms
    }
    if (left > 0) parts.set("own work", (parts.get("own work") ?? 0) + left)
  }
  return Array.from(parts, ([name, ms]) => ({ name, ms: Math.round(ms) })).toSorted((a, b) => b.ms - a.ms)
}

function nameOf({ kind, reason, error }: TraceStep): string {
  if (kind === "wait") return `waiting for ${reason ?? "admission"}`
  if (kind === "backoff") return "backing off"
  return error === undefined ? "the vendor's answers" : "calls that failed"
}

/**
 * The chain that the last minute ended on: the item that was settled last, before it the one whose end let it begin, and so on. To be faster,
 * something on it has to be.
 */
function criticalPath(recent: readonly Trace[], columns: ItemColumns, sinceMs: number): Timeline["critical"] {
  // An item that only holds others makes no call of its own.
  const byEnd = recent.filter(({ steps }) => steps.length > 0).toSorted((a, b) => (a.endMs ?? 0) - (b.endMs ?? 0))
  const path: (TraceStep & { row: number; node: string; index: number })[] = []
  let at = byEnd.length - 1
  while (at >= 0 && path.length < mostSteps) {
    const trace = byEnd[at]!
    const { row } = trace
    const steps = trace.steps.toSorted((a, b) => b.fromMs - a.fromMs)
    for (const step of steps) path.push({ ...step, row, node: columns.node(row), index: columns.index[row]! })
    // A wait is not what it hung on: the end of the call before it is.
    const calls = trace.steps.filter(({ kind }) => kind === "call")
    const beganMs = Math.min(...(calls.length > 0 ? calls.map(({ fromMs }) => fromMs) : [trace.startMs]))
    if (beganMs <= sinceMs) break
    do at--
    while (at >= 0 && (byEnd[at]!.endMs ?? 0) > beganMs)
  }
  return path.toReversed()
}
