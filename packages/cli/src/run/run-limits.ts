import type { QuotaOptions } from "@sluice/scheduler"
import type { SluiceConfig } from "../commands/config-file.ts"
import type { RunOptions } from "./run-options.ts"

/** For all models together, or by model. */
export type RunLimits = QuotaOptions & { readonly limits?: Readonly<Record<string, QuotaOptions>> }

/** Limits from options go before those of the configuration. */
export function limitsOf(options: RunOptions, config: SluiceConfig): RunLimits {
  const named = {
    requestsPerMinute: options.rpm,
    tokensPerMinute: options.tpm,
    inputTokensPerMinute: options.itpm,
    outputTokensPerMinute: options.otpm,
    requestsPerDay: options.rpd,
    concurrency: options.concurrency,
    budgetUsd: options.budgetUsd,
  }
  const limits = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined))
  return Object.keys(limits).length > 0 || !config.limits ? limits : { limits: config.limits }
}
