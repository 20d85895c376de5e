import type { QuotaLimits } from "@sluice/scheduler"
import type { MaxTokensCharge } from "../vendor/max-tokens-charge.ts"
import type { LatencyOptions } from "../vendor/latency.ts"

export interface RunSetting {
  readonly limits: QuotaLimits
  readonly concurrency: number | "auto"
  readonly chargesMaxTokens: MaxTokensCharge
  readonly latency: LatencyOptions
  readonly networkMs: number
  readonly seed: number
  /** Of more calls a part is simulated. */
  readonly atMost: number
}
