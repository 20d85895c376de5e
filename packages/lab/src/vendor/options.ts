import type { LimitReading } from "@sluice/core"
import type { LimitOptions } from "../limits/limit-model.ts"
import type { RampOptions } from "../limits/ramp-limit.ts"
import type { MaxTokensCharge } from "./max-tokens-charge.ts"
import type { FaultOptions } from "./faults.ts"
import type { LatencyOptions } from "./latency.ts"

/** What a vendor counts. `tokens` is input and output together. */
export type VendorDimension = LimitReading["dimension"] | "requestsPerDay" | "tokensPerDay"

/** A number is a limit per minute (per day for the `PerDay` ones), as a bucket that stands ready full. */
export interface VendorLimits {
  readonly requests?: number | LimitOptions
  readonly tokens?: number | LimitOptions
  readonly inputTokens?: number | LimitOptions
  readonly outputTokens?: number | LimitOptions
  /** Per day of the vendor's clock, which starts with the vendor: a fixed window. */
  readonly requestsPerDay?: number
  readonly tokensPerDay?: number
  /** Calls at once; the next is refused with `status` (default 503), without a delay. */
  readonly concurrency?: number | { readonly limit: number; readonly status?: 429 | 503 | 529 }
}

export interface CoTenantOptions {
  /**
   * Poisson arrivals at this mean rate. Each is charged whether it fits or not, as if its owner insisted:
   * so their share is the same whatever we do, and an oracle cannot starve them by perfect timing.
   */
  readonly requestsPerMinute: number
  /** Input tokens of each. */
  readonly tokensPerCall?: number
  /** Output tokens of each, charged together with its input. */
  readonly outputTokensPerCall?: number
  /** Calls that arrive together, at the same mean rate. Default 1. */
  readonly burst?: number
  readonly fromMs?: number
  readonly toMs?: number
}

export interface LimitChange {
  readonly atMs: number
  readonly limits: Partial<Readonly<Record<VendorDimension | "concurrency", number>>>
}

/** A simulated vendor. Every `…Ms` that is a moment counts from the vendor's start. */
export interface VendorOptions {
  readonly limits?: VendorLimits
  /** A refused call still takes a request, as OpenAI documents. Default false. */
  readonly chargeRefused?: boolean
  /** Default false: input at arrival, output when it has been produced. */
  readonly chargeMaxTokens?: MaxTokensCharge
  readonly ramp?: RampOptions
  /** Limits that change while it runs. */
  readonly schedule?: readonly LimitChange[]
  readonly coTenants?: readonly CoTenantOptions[]
  readonly faults?: FaultOptions
  readonly latency?: LatencyOptions
  /**
   * What answers tell: `openai` exact figures · `anthropic` tokens to the nearest 1,000 and resets in whole seconds ·
   * `rounded` the same rounding without saying so · `wrong` a remaining that never falls · `none`. Default `openai`.
   */
  readonly headers?: "openai" | "anthropic" | "rounded" | "wrong" | "none"
  /** The delay a refusal names: `exact`, in whole `seconds` rounded up, or `none`. Default `exact`. */
  readonly retryAfter?: "exact" | "seconds" | "none"
  /** Same seed, same arrivals in the same order: same trace. Default 1. */
  readonly seed?: number
}
