import type { QuotaOptions } from "@sluice/scheduler"
import type { SluiceConfig } from "../../commands/config-file.ts"
import { parseModelName } from "../../model/model-name.ts"
import type { RunCommandOptions } from "./run-options.ts"

/** For all models together, or by model. */
export type RunLimits = QuotaOptions & { readonly limits?: Readonly<Record<string, QuotaOptions>> }

/** Limits from options go before those of the configuration. Of several models each has them for itself. */
export function limitsOf(options: RunCommandOptions, config: SluiceConfig, models: readonly string[] = []): RunLimits {
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
  if (Object.keys(limits).length === 0) return config.limits ? { limits: config.limits } : {}
  if (models.length < 2) return limits
  return { limits: Object.fromEntries(models.map((model) => [parseModelName(model).id, limits])) }
}
