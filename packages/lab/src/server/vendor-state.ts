import type { Clock } from "@sluice/core"
import type { AnswerRequest, AnswerSource } from "../answers/answer.ts"
import type { VendorCore } from "../vendor/core.ts"
import type { BatchJobOptions } from "./server-options.ts"
import type { VendorMemory } from "./vendor-memory.ts"

/** What serving needs of the running vendor. Read anew for each call: `configure` may change it. */
export interface VendorState {
  readonly core: VendorCore
  readonly clock: Clock
  readonly answer: AnswerSource
  readonly identify: ((request: AnswerRequest) => string) | undefined
  readonly billingCode: string | undefined
  readonly models: readonly string[]
  readonly batch: BatchJobOptions
  readonly seed: number
  readonly memory: VendorMemory
  /** Aborted when the vendor stops. */
  readonly stopping: AbortSignal
}
