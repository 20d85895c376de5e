import type { FrameState } from "./frame-state.ts"

/** `950`, `12.4k`, `388k`, `1.2M`: three significant digits are all a glance takes in. */
export function formatCount(value: number): string {
  const rounded = Math.round(value)
  if (rounded < 1_000) return String(rounded)
  if (rounded < 9_950) return `${(rounded / 1_000).toFixed(1)}k`
  if (rounded < 999_500) return `${Math.round(rounded / 1_000)}k`
  return `${(rounded / 1_000_000).toFixed(rounded < 9_950_000 ? 1 : 0)}M`
}

/** `0:07`, `12:34`, `1:02:03`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  const two = (value: number): string => String(value).padStart(2, "0")
  const minutes = Math.floor(seconds / 60) % 60
  const hours = Math.floor(seconds / 3_600)
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

/** `12:34`; `12:34 (10:02 to 15:11)` where the ends are a tenth or more away. */
export function etaOf(ms: number, [low, high]: readonly [number, number] = [ms, ms]): string {
  const isClose = high - low < 0.2 * ms || high - low < 2_000
  return isClose ? formatDuration(ms) : `${formatDuration(ms)} (${formatDuration(low)} to ${formatDuration(high)})`
}

/** `$0.0123`, `$12.30`; of less than the hundredth of a cent two digits, so that what a call costs is no zero. */
export function formatUsd(usd: number): string {
  const isTiny = usd >= 1e-9 && usd < 1e-4
  return `$${usd.toFixed(isTiny ? Math.ceil(-Math.log10(usd)) + 1 : usd < 1 ? 4 : 2)}`
}

/** `1 call`, `2 calls`. */
export function countOf(count: number, singular: string): string {
  return `${formatCount(count)} ${singular}${count === 1 ? "" : "s"}`
}

/** `2 calls in flight`, `2 calls with workers`. */
export function callsOf({ inFlight, isRemote }: FrameState["calls"]): string {
  return `${countOf(inFlight, "call")} ${isRemote ? "with workers" : "in flight"}`
}

/** ` of 30`; ` of 30 and what stood ready` in a minute that began with a bucket full. */
export function limitOf({ perMinute, limitPerMinute = Infinity }: FrameState["rates"][number], width = 0): string {
  if (limitPerMinute === Infinity) return ""
  const limit = formatCount(limitPerMinute).padStart(width)
  // More than a full bucket and what flows in during a minute is a limit that was lowered meanwhile.
  const isBurst = Math.round(perMinute) > Math.round(limitPerMinute) && perMinute <= 2 * limitPerMinute
  return isBurst ? ` of ${limit} and what stood ready` : ` of ${limit}`
}

/** `5.0k requests in vendor batches, 300 done (1 submitted, 2 in progress)`; `vendor batches: 3 ended`. */
export function batchesOf({ requests, done, states }: NonNullable<FrameState["batches"]>): string {
  const list = states.map(({ state, batches }) => `${formatCount(batches)} ${state}`).join(", ")
  if (requests === 0) return `vendor batches: ${list}`
  return `${countOf(requests, "request")} in vendor batches, ${formatCount(done)} done (${list})`
}
