import { lognormal, luckOf, seededRandom } from "../clock/seeded-random.ts"
import type { VendorCall } from "../vendor/call.ts"
import type { VendorOptions } from "../vendor/options.ts"

/** A whole number, the same for all, or lognormal: sigma 1 spans 50× between the 2.5 % and 97.5 % points. */
export type Size = number | { readonly median: number; readonly sigma: number; readonly max: number }

/** One rate in the words of a quota's options. */
export interface ToldRate {
  readonly limit: number
  readonly kind?: "bucket" | "sliding" | "fixed"
  readonly burst?: number
  readonly windowMs?: number
  /** In a scenario: counted from the vendor's start. From `toldAt`, and in `env.told`: epoch milliseconds. */
  readonly resetAt?: number
}

/** What the client is told of the quota; may be wrong, or nothing at all. Fits `createQuota`'s options. */
export interface ToldQuota {
  readonly requestsPerMinute?: number | ToldRate
  readonly tokensPerMinute?: number | ToldRate
  readonly inputTokensPerMinute?: number | ToldRate
  readonly outputTokensPerMinute?: number | ToldRate
  readonly requestsPerDay?: number | ToldRate
  readonly concurrency?: number
}

/** A workload, a vendor, and what the client is told of it. Plain data. */
export interface Scenario {
  readonly name: string
  /** One line for a table. */
  readonly title: string
  readonly calls: {
    readonly count: number
    readonly inputTokens: Size
    readonly outputTokens: Size
    /** Sent along by every call. */
    readonly maxTokens?: number
  }
  readonly vendor: VendorOptions
  readonly told: ToldQuota
  /** The work cannot be finished: what counts is how little is spent on finding out. */
  readonly neverEnds?: true
}

/** The calls of a scenario; same seed, same calls. */
export function callsOf(
  scenario: Scenario,
  seed: number,
  count: number = scenario.calls.count,
): (VendorCall & { readonly id: string })[] {
  const { inputTokens, outputTokens, maxTokens } = scenario.calls
  const draw = (size: Size, what: string, id: number): number => drawSize(size, luckOf(seed, what, id))
  return Array.from({ length: count }, (_, id) => ({
    id: `call-${id}`,
    inputTokens: draw(inputTokens, "input", id),
    outputTokens: Math.min(draw(outputTokens, "output", id), maxTokens ?? Infinity),
    ...(maxTokens === undefined ? {} : { maxTokens }),
  }))
}

/** One size; same luck, same size. */
export function drawSize(size: Size, luck: number): number {
  if (typeof size === "number") return size
  const value = lognormal(seededRandom(luck * 2 ** 32), size.median, size.sigma)
  return Math.max(1, Math.min(size.max, Math.round(value)))
}

/** `told` with its resets as epoch milliseconds, for a vendor that started at `startedAt`. */
export function toldAt(told: ToldQuota, startedAt: number): ToldQuota {
  const placed = Object.entries(told).map(([name, rate]: [string, number | ToldRate]) =>
    typeof rate === "object" && rate.resetAt !== undefined
      ? [name, { ...rate, resetAt: startedAt + rate.resetAt }]
      : [name, rate],
  )
  return Object.fromEntries(placed) as ToldQuota
}
