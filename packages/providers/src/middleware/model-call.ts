import type { Clock, EventSink } from "@sluice/core"
import type { LearnedTokens } from "../accounts/token-estimate.ts"
import type { ReportedCall } from "../call/telling/events.ts"

/** What is read of a call's parameters. */
export interface ModelParams {
  readonly prompt: unknown
  readonly abortSignal?: AbortSignal | undefined
}

/** A model by the names that its provider gave. */
export interface NamedModel {
  readonly provider: string
  readonly modelId: string
}

/** What is known of a call before it asks for admission. */
export interface ModelCallFacts extends ReportedCall {
  readonly learned: LearnedTokens
}

/** Where it is told how calls go, and what they cost. */
export interface ModelLedger {
  readonly clock: Clock
  readonly onEvent?: EventSink
  readonly warned: Set<string>
}
