import type { FrameState } from "./frame-state.ts"
import { printable } from "./printable.ts"
import { batchesOf, countOf, formatCount, formatDuration, formatUsd } from "./quantities.ts"

/** The same state as one plain line: for pipes, files and CI logs. */
export function renderLine(state: FrameState): string {
  const settled = state.succeeded + state.failed
  const total =
    state.total === undefined ? `${settled} ${state.unit}s` : `${settled}/${countOf(state.total, state.unit)}`
  const waiting = state.waiting.map(({ reason, calls, nextInMs }) => {
    const next = nextInMs === undefined || nextInMs < 1_000 ? "" : `, next call in ${formatDuration(nextInMs)}`
    return `${formatCount(calls)} waiting for ${printable(reason)}${next}`
  })
  const rates = state.rates.map(({ name, perMinute, limitPerMinute }) => {
    const limit = limitPerMinute === undefined ? "" : ` of ${formatCount(limitPerMinute)}`
    return `${printable(name)} ${formatCount(perMinute)}/min${limit}`
  })
  return [
    `${formatDuration(state.elapsedMs)} ${total} done`,
    `${formatCount(state.failed)} failed`,
    `${countOf(state.calls.inFlight, "call")} in flight`,
    ...waiting,
    ...(state.gate ? [`gate closed: ${printable(state.gate.reason)}`] : []),
    ...(state.trouble === undefined ? [] : [`last call: ${printable(state.trouble)}`]),
    ...(state.batches ? [batchesOf(state.batches)] : []),
    ...rates,
    ...(state.costUsd === undefined ? [] : [formatUsd(state.costUsd)]),
    ...(state.etaMs === undefined ? [] : [`eta ${formatDuration(state.etaMs)}`]),
  ].join(", ")
}
