let pacific: Intl.DateTimeFormat | undefined

/**
 * Milliseconds until midnight in California, when Gemini's daily quotas start anew.
 * On the two days a year when the clocks change it may be an hour early: the next refusal then corrects it.
 *
 * Source: ai.google.dev, rate limits, read 2026-11.
 *
 * @example
 * ```ts
 * msUntilPacificMidnight(Date.parse("2026-11-24T07:00:00Z")) // => 3600000
 * ```
 */
export function msUntilPacificMidnight(nowWallMs: number): number {
  // Made at the first call: it takes Node 13 ms, which every start of a program would pay.
  pacific ??= new Intl.DateTimeFormat("en-US", {
    timeZone: "America/Los_Angeles",
    hourCycle: "h23",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  })
  const part = (type: string): number => Number(parts.find((one) => one.type === type)?.value ?? 0)
  const parts = pacific.formatToParts(nowWallMs)
  const sinceMs = ((part("hour") * 60 + part("minute")) * 60 + part("second")) * 1000 + (nowWallMs % 1000)
  return 86_400_000 - sinceMs
}
