import type { LimitReading } from "@sluice/core"
import type { LimitSet } from "../limits/limit-set.ts"
import type { VendorOptions } from "./options.ts"

const neutral = {
  requests: "requests",
  tokens: "tokens",
  inputTokens: "inputTokens",
  outputTokens: "outputTokens",
  requestsPerDay: "requests",
  tokensPerDay: "tokens",
} as const

/** What the headers of an answer say of the limits, in the manner asked for. */
export function readLimits(
  limits: LimitSet,
  manner: NonNullable<VendorOptions["headers"]>,
  nowMs: number,
): readonly LimitReading[] | undefined {
  if (manner === "none") return undefined
  const readings = new Map<LimitReading["dimension"], LimitReading>()
  for (const { dimension, model } of limits.entries) {
    const name = neutral[dimension]
    // A day's total shows under the minute's name, and only where there is no minute (Groq's requests).
    if (readings.has(name)) continue
    const left = Math.max(0, Math.floor(model.remaining(nowMs) + 1e-6))
    const rounds = name !== "requests" && (manner === "anthropic" || manner === "rounded")
    const resetMs = model.msUntilFull(nowMs)
    readings.set(name, {
      dimension: name,
      limit: model.limit,
      remaining: manner === "wrong" ? model.limit : rounds ? Math.round(left / 1000) * 1000 : left,
      resetMs: manner === "anthropic" ? Math.ceil(resetMs / 1000) * 1000 : Math.ceil(resetMs),
      ...(model.windowMs === 60_000 ? {} : { windowMs: model.windowMs }),
      ...(rounds && manner === "anthropic" ? { roundedTo: 1000 } : {}),
    })
  }
  return [...readings.values()]
}
