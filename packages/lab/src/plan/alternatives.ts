import type { RateName, RateOptions } from "@sluice/scheduler"
import type { PlannedCall } from "./plan-options.ts"
import type { RunSetting } from "./run-setting.ts"

/** Something that might shorten a run. */
export interface Alternative {
  readonly change: string
  /** The limit that it lifts, if it is one. */
  readonly limit: RateName | "concurrency" | undefined
  readonly setting?: Partial<RunSetting>
  readonly calls?: readonly PlannedCall[]
}

/** Each limit doubled, and `max_tokens` lowered as far as it costs nothing, or else by half. */
export function alternativesTo(calls: readonly PlannedCall[], setting: RunSetting): Alternative[] {
  return [...doublings(setting), ...lowerings(calls, setting)]
}

function doublings({ limits, concurrency }: RunSetting): Alternative[] {
  const found: Alternative[] = []
  for (const [name, rate] of Object.entries(limits)) {
    if (!/Per(Second|Minute|Day)$/.test(name) || rate === undefined) continue
    const doubledLimits = { ...limits, [name]: doubled(rate as number | RateOptions) }
    found.push({ change: `double ${name}`, limit: name as RateName, setting: { limits: doubledLimits } })
  }
  const slots = typeof limits.concurrency === "number" ? limits.concurrency : undefined
  if (slots !== undefined || concurrency !== "auto") {
    const wider: Partial<RunSetting> = {
      ...(slots === undefined ? {} : { limits: { ...limits, concurrency: 2 * slots } }),
      ...(concurrency === "auto" ? {} : { concurrency: 2 * concurrency }),
    }
    found.push({ change: "double concurrency", limit: "concurrency", setting: wider })
  }
  return found
}

function doubled(rate: number | RateOptions): number | RateOptions {
  if (typeof rate === "number") return 2 * rate
  return { ...rate, limit: 2 * rate.limit, ...(rate.burst === undefined ? {} : { burst: 2 * rate.burst }) }
}

function lowerings(calls: readonly PlannedCall[], { chargesMaxTokens }: RunSetting): Alternative[] {
  const longest = calls.reduce((most, { outputTokens }) => Math.max(most, outputTokens), 1)
  const highest = calls.reduce((most, { maxTokens = 0 }) => Math.max(most, maxTokens), 0)
  if (highest > longest) return chargesMaxTokens ? [lowered(calls, longest)] : []
  // Answers that fill their maximum are cut: cheaper and shorter.
  return highest > 1 ? [lowered(calls, Math.ceil(highest / 2))] : []
}

function lowered(calls: readonly PlannedCall[], most: number): Alternative {
  return {
    change: `lower max_tokens to ${most}`,
    limit: undefined,
    calls: calls.map((call) => ({
      ...call,
      maxTokens: Math.min(call.maxTokens ?? most, most),
      outputTokens: Math.min(call.outputTokens, most),
    })),
  }
}
