import type { Clock } from "@sluice/core"
import { LocalLedger, quotaDefaults, type QuotaOptions, type RateName, type RateOptions } from "@sluice/scheduler"
import type { TurnTold, ToldLimit } from "./turn.ts"

const dayMs = 86_400_000
/** The share of a limit that may start before the first answer has shown how the vendor counts. */
const firstWave = 0.2
/** The number of each dimension in what is kept. */
export const dimensions: readonly string[] = ["", "requests", "tokens", "inputTokens", "outputTokens", "usd"]

/** What a user's options tell of the vendor's limits, as it is told to the other processes. */
export function toldLimits(options: QuotaOptions, label: string, clock: Clock): TurnTold {
  const local = new LocalLedger(options)
  const { limits } = local.snapshot(clock.now())
  const jitterMs = options.jitterMs ?? quotaDefaults.jitterMs
  const told: ToldLimit[] = []
  /** Requests of which nobody says how they are counted. */
  const unknown: { readonly limit: number; readonly perSecond: number }[] = []
  let isUnknown = false
  for (const { name, dimension, limit, windowMs = 0 } of limits) {
    if (dimension === "concurrency") continue
    const d = dimensions.indexOf(dimension)
    if (dimension === "usd") {
      told.push({ id: "usd", nm: name, d, w: 1, limit, kind: "total", j: 0 })
      continue
    }
    const given = options[name as RateName]
    const { kind, burst, resetAt }: Partial<RateOptions> = typeof given === "object" ? given : {}
    const isDay = windowMs >= dayMs
    const resetWall = resetAt ?? (isDay ? (Math.floor(clock.wallNow() / dayMs) + 1) * dayMs : undefined)
    // In the moment of a reset, until the next one.
    const untilReset =
      resetWall === undefined
        ? undefined
        : (((resetWall - clock.wallNow()) % windowMs) + windowMs) % windowMs || windowMs
    told.push({
      id: `${dimension}/${windowMs}`,
      nm: name,
      d,
      w: windowMs,
      limit,
      kind: kind ?? (isDay ? "fixed" : "bucket"),
      ...(burst !== undefined && { burst }),
      j: Math.min(jitterMs, windowMs / 100),
      ...(untilReset !== undefined && { z: untilReset }),
    })
    if (kind !== undefined || burst !== undefined || isDay) continue
    isUnknown = true
    if (dimension === "requests") unknown.push({ limit, perSecond: (limit / windowMs) * 1_000 })
  }
  const { concurrency } = options
  const places = local.places().limit
  return {
    name: label,
    L: told,
    ...(typeof concurrency === "number" ? { c: concurrency } : places < Infinity ? { ci: places } : {}),
    ...rampOf(unknown, isUnknown),
  }
}

function rampOf(
  unknown: readonly { readonly limit: number; readonly perSecond: number }[],
  isUnknown: boolean,
): { readonly ramp: number; readonly wave: number } {
  if (!isUnknown) return { ramp: 0, wave: 0 }
  if (unknown.length === 0) return { ramp: 4, wave: 64 }
  const slowest = Math.min(...unknown.map(({ perSecond }) => perSecond))
  const least = Math.min(...unknown.map(({ limit }) => limit))
  return { ramp: Math.max(2, Math.min(10, slowest)), wave: Math.max(4, least * firstWave) }
}
