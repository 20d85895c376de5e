import type { LimitReading, Settlement } from "@sluice/core"

/** Resets are rounded up to seconds. */
const roundingMs = 1_000

/**
 * The end of a call without the resets that its headers contradict: of a limit of which all remains, and that is full again only in a
 * while. Some gateways answer so whatever is used, and would pass for a window.
 */
export function credible(end: Settlement): Settlement {
  if (!("limits" in end) || !end.limits?.some(contradicts)) return end
  return { ...end, limits: end.limits.map((one) => (contradicts(one) ? withoutReset(one) : one)) }
}

function contradicts({ limit, remaining, resetMs }: LimitReading): boolean {
  return limit !== undefined && limit > 0 && (remaining ?? 0) >= limit && (resetMs ?? 0) > roundingMs
}

function withoutReset({ resetMs: _reset, ...rest }: LimitReading): LimitReading {
  return rest
}
