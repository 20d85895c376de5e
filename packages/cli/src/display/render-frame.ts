import cliTruncate from "cli-truncate"
import picocolors from "picocolors"
import type { FrameState } from "./frame-state.ts"
import { printable } from "./printable.ts"
import { batchesOf, callsOf, countOf, etaOf, formatCount, formatDuration, formatUsd, limitOf } from "./quantities.ts"

/** The styles that a frame uses; `picocolors.createColors(...)` fits. */
export type FrameColors = Pick<
  ReturnType<typeof picocolors.createColors>,
  "bold" | "dim" | "green" | "red" | "yellow" | "cyan"
>

const plain: FrameColors = picocolors.createColors(false)

/**
 * One frame of the live display: lines of at most `columns` columns, joined by newlines.
 *
 * Pure: the same state gives the same frame.
 *
 * @example
 * ```ts
 * const state = {
 *   title: "digest", unit: "document", total: 4, succeeded: 1, failed: 0, inFlight: 2, elapsedMs: 3000,
 *   calls: { inFlight: 2, retried: 0, throttled: 0 }, waiting: [], rates: [], notes: [],
 * }
 * renderFrame(state, 80).split("\n")[0] // => "digest  0:03"
 * ```
 */
export function renderFrame(state: FrameState, columns: number, colors: FrameColors = plain): string {
  const lines = [
    titleLine(state, columns, colors),
    progressLine(state, columns, colors),
    flightLine(state, colors),
    ...waitingLines(state, colors),
    ...(state.batches ? [colors.cyan(batchesOf(state.batches))] : []),
    ...rateLines(state, columns, colors),
    ...state.notes.map((note) => colors.dim(`! ${printable(note)}`)),
    ...(state.keys === undefined ? [] : [colors.dim(state.keys)]),
  ]
  return lines.map((line) => cliTruncate(line, columns)).join("\n")
}

function titleLine(state: FrameState, columns: number, colors: FrameColors): string {
  const elapsed = formatDuration(state.elapsedMs)
  const title = cliTruncate(printable(state.title), Math.max(1, columns - elapsed.length - 2))
  return `${colors.bold(title)}  ${colors.dim(elapsed)}`
}

function progressLine(state: FrameState, columns: number, colors: FrameColors): string {
  const settled = state.succeeded + state.failed
  const total = state.total
  if (total === undefined) return `${colors.green(formatCount(settled))} ${state.unit}s done`
  const share = total === 0 ? 1 : Math.min(1, settled / total)
  const eta = state.etaMs === undefined ? "" : `  eta ${etaOf(state.etaMs, state.etaRangeMs)}`
  const text = `${settled}/${countOf(total, state.unit)} done  ${Math.floor(share * 100)}%${eta}`
  const bar = renderBar(share, Math.min(40, columns - text.length - 2), colors.green, colors)
  return bar === "" ? text : `${bar}  ${text}`
}

function flightLine(state: FrameState, colors: FrameColors): string {
  const { calls } = state
  return [
    `${countOf(state.inFlight, state.unit)} ${calls.isRemote ? "in flight," : "and"} ${callsOf(calls)}`,
    state.failed > 0 ? colors.red(`${formatCount(state.failed)} failed`) : "0 failed",
    ...(calls.retried > 0 ? [colors.yellow(`${formatCount(calls.retried)} retried`)] : []),
    ...(calls.cut === undefined ? [] : [colors.yellow(`${formatCount(calls.cut)} cut`)]),
    ...(calls.throttled > 0 ? [colors.yellow(`${formatCount(calls.throttled)} refused by the vendor`)] : []),
    ...(state.costUsd === undefined ? [] : [formatUsd(state.costUsd)]),
  ].join(", ")
}

function waitingLines(state: FrameState, colors: FrameColors): string[] {
  const lines = state.waiting.map((wait) => colors.cyan(waitOf(wait)))
  if (state.pausedBy !== undefined) lines.unshift(colors.yellow(`paused by ${printable(state.pausedBy)}`))
  if (state.gate) {
    const opens = state.gate.opensInMs === undefined ? "" : `, opens in ${formatDuration(state.gate.opensInMs)}`
    lines.push(colors.yellow(`gate closed: ${printable(state.gate.reason)}${opens}`))
  }
  if (state.trouble !== undefined) lines.push(colors.yellow(`last call: ${printable(state.trouble)}`))
  return lines
}

/** `12 calls waiting for requests per minute, next call in 0:34`; less than a second is not worth telling. */
function waitOf({ reason, calls, nextInMs }: FrameState["waiting"][number]): string {
  const next = nextInMs === undefined || nextInMs < 1_000 ? "" : `, next call in ${formatDuration(nextInMs)}`
  return `${countOf(calls, "call")} waiting for ${printable(reason)}${next}`
}

function rateLines(state: FrameState, columns: number, colors: FrameColors): string[] {
  const width = Math.max(0, ...state.rates.map(({ name }) => name.length))
  return state.rates.map((rate) => {
    const { name, perMinute, limitPerMinute } = rate
    const label = `${printable(name).padEnd(width)}  ${formatCount(perMinute).padStart(5)}/min`
    if (limitPerMinute === undefined) return label
    const text = label + limitOf(rate, 4)
    const bar = renderBar(
      Math.min(1, perMinute / limitPerMinute),
      Math.min(20, columns - text.length - 2),
      colors.cyan,
      colors,
    )
    return bar === "" ? text : `${text}  ${bar}`
  })
}

/** Nothing at all where there is too little room to tell a tenth. */
function renderBar(share: number, width: number, fill: (text: string) => string, colors: FrameColors): string {
  if (width < 10) return ""
  const filled = Math.floor(share * width)
  return fill("█".repeat(filled)) + colors.dim("░".repeat(width - filled))
}
