import { luckOf } from "../clock/seeded-random.ts"
import type { VendorCall } from "./call.ts"

/**
 * Instead of serving: `error503`, `error529`, `outage` (the connection is torn down at once), `billing`, `keyRefused`.
 * After taking the call from the quota: `error500`, `reset` (torn down before the answer), `hang` (no answer ever),
 * `truncate`, `malformed` (not JSON), `streamError` (an error event after HTTP 200); `offSchema`: a whole answer that does not
 * fit the schema that was asked for (no fault where none was).
 */
export type FaultKind = RefusingFault | ServingFault
export type RefusingFault = "error503" | "error529" | "outage" | "billing" | "keyRefused"
export type ServingFault = BreakingFault | "offSchema"
/** There is no whole answer. */
export type BreakingFault = "error500" | "reset" | "hang" | "truncate" | "malformed" | "streamError"

export interface FaultOptions {
  /** Share of calls that meet each fault, 0–1. */
  readonly rates?: Partial<Readonly<Record<FaultKind, number>>>
  readonly schedule?: readonly FaultWindow[]
}

export interface FaultWindow {
  readonly kind: FaultKind
  readonly fromMs: number
  /** Default: for ever. */
  readonly toMs?: number
  /** Share of calls inside the window, 0–1. Default 1. */
  readonly rate?: number
  /** Only calls with this key. */
  readonly key?: string
}

const refusing: ReadonlySet<FaultKind> = new Set<RefusingFault>([
  "error503",
  "error529",
  "outage",
  "billing",
  "keyRefused",
])

export function isRefusing(kind: FaultKind): kind is RefusingFault {
  return refusing.has(kind)
}

/** The fault that this call meets at this try, if any. The same for the same call and try, in whatever order calls come. */
export function drawFault(
  options: FaultOptions,
  seed: number,
  atMs: number,
  call: VendorCall,
  id: string,
  tries: number,
): FaultKind | undefined {
  for (const window of options.schedule ?? []) {
    const { kind, fromMs, toMs = Infinity, rate = 1, key } = window
    if (atMs < fromMs || atMs >= toMs || (key !== undefined && key !== call.key)) continue
    if (rate >= 1 || luckOf(seed, "window", id, tries) < rate) return kind
  }
  if (!options.rates) return undefined
  let luck = luckOf(seed, "fault", id, tries)
  for (const [kind, rate] of Object.entries(options.rates)) {
    if (luck < rate) return kind as FaultKind
    luck -= rate
  }
  return undefined
}

/** Milliseconds until no window refuses every call. */
export function msUntilServed(options: FaultOptions, atMs: number, call: VendorCall): number {
  let servedAtMs = atMs
  for (let moved = true; moved;) {
    moved = false
    for (const { kind, fromMs, toMs = Infinity, rate = 1, key } of options.schedule ?? []) {
      if (rate < 1 || (key !== undefined && key !== call.key) || !isRefusing(kind)) continue
      if (servedAtMs < fromMs || servedAtMs >= toMs) continue
      servedAtMs = toMs
      moved = true
    }
  }
  return servedAtMs - atMs
}
