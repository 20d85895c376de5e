import type { FrameState } from "./frame-state.ts"
import { printable } from "./printable.ts"
import { batchesOf, callsOf, countOf, etaOf, formatCount, formatDuration, formatUsd, limitOf } from "./quantities.ts"

/** The same state as one plain line: for pipes, files and CI logs. */
export function renderLine(state: FrameState): string {
  const settled = state.succeeded + state.failed
  const total =
    state.total === undefined ? `${settled} ${state.unit}s` : `${settled}/${countOf(state.total, state.unit)}`
  const waiting = state.waiting.map(({ reason, calls, nextInMs }) => {
    const next = nextInMs === undefined || nextInMs < 1_000 ? "" : `, next call in ${formatDuration(nextInMs)}`
    return `${formatCount(calls)} waiting for ${printable(reason)}${next}`
  })
  const rates = state.rates.map((rate) => `${printable(rate.name)} ${formatCount(rate.perMinute)}/min${limitOf(rate)}`)
  return [
    `${formatDuration(state.elapsedMs)} ${total} done`,
    `${formatCount(state.failed)} failed`,
    callsOf(state.calls),
    ...(state.calls.cut === undefined ? [] : [`${formatCount(state.calls.cut)} cut`]),
    ...(state.pausedBy === undefined ? [] : [`paused by ${printable(state.pausedBy)}`]),
    ...waiting,
    ...(state.gate ? [`gate closed: ${printable(state.gate.reason)}`] : []),
    ...(state.trouble === undefined ? [] : [`last call: ${printable(state.trouble)}`]),
    ...(state.batches ? [batchesOf(state.batches)] : []),
    ...rates,
    ...(state.costUsd === undefined ? [] : [formatUsd(state.costUsd)]),
    ...(state.etaMs === undefined ? [] : [`eta ${etaOf(state.etaMs, state.etaRangeMs)}`]),
  ].join(", ")
}
