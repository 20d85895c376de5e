import type { LimitOptions } from "../limits/limit-model.ts"
import type { ToldQuota, ToldRate } from "../scenarios/scenario.ts"
import type { VendorDimension, VendorLimits, VendorOptions } from "../vendor/options.ts"

const names: Readonly<Partial<Record<keyof ToldQuota, VendorDimension>>> = {
  requestsPerMinute: "requests",
  tokensPerMinute: "tokens",
  inputTokensPerMinute: "inputTokens",
  outputTokensPerMinute: "outputTokens",
}

/** What a user allows, as limits of his own calls beside the vendor's: counted as the vendor counts, whatever he said of that. */
export function ceilingOf(told: ToldQuota, { limits = {}, chargeMaxTokens = false }: VendorOptions): VendorOptions {
  const ceiling: Record<string, VendorLimits[keyof VendorLimits]> = {}
  for (const [name, rate] of Object.entries(told) as [keyof ToldQuota, number | ToldRate][]) {
    const limit = typeof rate === "number" ? rate : rate.limit
    const dimension = names[name]
    if (dimension === undefined) {
      ceiling[name] = limit
      continue
    }
    const counted = limits[dimension]
    const { burst, ...rest }: Partial<LimitOptions> = typeof counted === "object" ? counted : {}
    ceiling[dimension] = { ...rest, limit, ...(burst === undefined ? {} : { burst: Math.min(burst, limit) }) }
  }
  return { limits: ceiling, chargeMaxTokens }
}
