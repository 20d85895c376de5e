import type { QuotaSnapshot } from "@sluice/scheduler"

/** What the display wants to know of one quota. */
export interface QuotaReading {
  readonly name: string
  /** Calls that wait for admission now, by the limit that blocks them. */
  readonly waiting: readonly WaitingReason[]
  readonly inFlight: number
  /** What is in flight is with workers, who may have it wait for its turn. */
  readonly isRemote?: boolean
  readonly gate?: { readonly reason: string; readonly opensInMs?: number }
  /** Per-minute limits as they are known now. */
  readonly limits: Readonly<Partial<Record<RateDimension, number>>>
}

/** So many calls wait for one reason; the first of them starts in `nextInMs`, where time alone decides. */
export interface WaitingReason {
  readonly reason: string
  readonly calls: number
  readonly nextInMs?: number
}

export type RateDimension = "requests" | "tokens" | "inputTokens" | "outputTokens"

/**
 * Reads a quota's snapshot. What the first call waits for is named; where that is not told, the limit with the least room.
 *
 * @example
 * ```ts
 * const quota = createQuota({ requestsPerMinute: 500 })
 * quotaReading(quota.snapshot()).limits // => { requests: 500 }
 * ```
 */
export function quotaReading(snapshot: QuotaSnapshot): QuotaReading {
  const { name, inFlight, gate, limits, next } = snapshot
  const closed = gate.state === "closed"
  const tightest = limits.toSorted((a, b) => a.level / a.limit - b.level / b.limit)[0]?.name
  const blockedBy = next?.blockedBy ?? (gate.state === "ramping" ? "gate" : (tightest ?? "quota"))
  // A ramp holds back whom no limit does: where one does, that is what is waited for.
  const paced = blockedBy === "gate" ? "the pace to grow with the answers" : words(blockedBy)
  const reason = closed ? "the gate to open" : paced
  const wait = { reason, calls: snapshot.waiting, ...(next?.inMs !== undefined && { nextInMs: next.inMs }) }
  return {
    name,
    inFlight,
    waiting: snapshot.waiting === 0 ? [] : [wait],
    ...(closed
      ? {
          gate: {
            reason: pauseOf(),
            ...(gate.reopensInMs === undefined ? {} : { opensInMs: gate.reopensInMs }),
          },
        }
      : {}),
    limits: perMinute(limits),
  }
}

/** How long no call can leave, whichever quota it is for, in milliseconds. */
export function closedFor(quotas: readonly QuotaReading[]): number {
  return quotas.length === 0 ? 0 : Math.min(...quotas.map(({ gate }) => gate?.opensInMs ?? 0))
}

/** What calls wait for in all quotas together, each reason once, most calls first; the first of them to start counts. */
export function waitingIn(quotas: readonly QuotaReading[]): WaitingReason[] {
  const byReason = new Map<string, WaitingReason>()
  for (const wait of quotas.flatMap(({ waiting }) => waiting)) {
    const { reason, calls } = wait
    const before = byReason.get(reason)
    const nextInMs = Math.min(wait.nextInMs ?? Infinity, before?.nextInMs ?? Infinity)
    byReason.set(reason, { reason, calls: calls + (before?.calls ?? 0), ...(nextInMs < Infinity && { nextInMs }) })
  }
  return [...byReason.values()].toSorted((a, b) => b.calls - a.calls)
}

/** Why a gate is closed, as people say it; `reason` is that of the event. */
export function pauseOf(reason?: string): string {
  return reason === "outage" ? "the vendor does not answer" : "the vendor refused calls"
}

/** `tokensPerMinute` as people say it. */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

/** Limits by the day or the second do not compare with what a minute shows. */
function perMinute(limits: QuotaSnapshot["limits"]): QuotaReading["limits"] {
  return Object.fromEntries(
    limits.filter(({ windowMs }) => windowMs === 60_000).map(({ dimension, limit }) => [dimension, limit]),
  )
}

/** `requests per minute 300`. */
export function changesOf(changes: Readonly<Record<string, number>>): string {
  return Object.entries(changes)
    .map(([name, to]) => `${words(name)} ${to.toLocaleString("en")}`)
    .join(", ")
}
