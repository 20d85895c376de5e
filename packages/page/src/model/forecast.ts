import type { PageState, QuotaView } from "../wire.ts"
import { perMinute } from "./watched-quotas.ts"
import type { RateWindow } from "./rate-window.ts"

const minuteMs = 60_000

/** What is known when somebody asks how long it will take. */
export interface ForecastFacts {
  readonly atMs: number
  readonly startMs: number
  readonly left: number
  readonly settles: RateWindow
  readonly quotas: readonly QuotaView[]
  /** What one item took, of those that were asked about. */
  readonly requestsEach: number
  readonly tokensEach: number
}

/**
 * How long what is left takes: by the pace of the last half minute, and no sooner than the limits let it through, since a burst at the
 * beginning is no pace. The range is what the tens of seconds of the last minute would make of it.
 */
export function forecast(facts: ForecastFacts): PageState["eta"] {
  const { atMs, startMs, left, settles, quotas, requestsEach, tokensEach } = facts
  if (left <= 0) return undefined
  const pace = settles.perMinute(atMs, 30_000, startMs)
  const limits = [most(perMinute(quotas, ["requests"]), requestsEach), most(perMinute(quotas, ["tokens"]), tokensEach)]
  const fastest = Math.min(...limits)
  if (pace === 0) return undefined
  const byRate = (rate: number): number => (left / Math.min(rate, fastest)) * minuteMs
  const ms = byRate(pace)
  const pieces = settles.pieces(atMs, startMs)
  const mean = pieces.reduce((sum, piece) => sum + piece, 0) / Math.max(1, pieces.length)
  const spread = Math.sqrt(pieces.reduce((sum, piece) => sum + (piece - mean) ** 2, 0) / Math.max(1, pieces.length - 1))
  // A minute of which little is known may go on as it likes.
  const doubt = pieces.length < 2 ? pace / 2 : Math.min(spread, pace * 0.8)
  return { ms, lowMs: Math.min(ms, byRate(pace + doubt)), highMs: Math.max(ms, byRate(pace - doubt)) }
}

function most(limit: number | undefined, each: number): number {
  return limit === undefined || !(each > 0) ? Infinity : limit / each
}
