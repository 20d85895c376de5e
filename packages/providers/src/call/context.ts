import type { RetryBudget } from "@sluice/scheduler"
import type { Accounts } from "../accounts/accounts.ts"
import type { FetchInput } from "../http/request.ts"
import type { LimitedFetchOptions } from "../options.ts"
import type { SendTurns } from "./send-turns.ts"

/** What all calls of one `limitedFetch` share. */
export interface FetchContext
  extends
    Required<
      Pick<
        LimitedFetchOptions,
        "clock" | "random" | "fetch" | "timeoutMs" | "idleTimeoutMs" | "maxAnswerBytes" | "prices" | "keys" | "fallback"
      >
    >,
    Pick<LimitedFetchOptions, "keyBy" | "priority" | "maxWaitMs" | "retry" | "onEvent"> {
  /** Whether any limit was told. */
  readonly isLimited: boolean
  /** Sends a request under the same limits, without another fallback. */
  resend: (input: FetchInput, init?: RequestInit) => Promise<Response>
  readonly accounts: Accounts
  readonly budget: RetryBudget
  readonly turns: SendTurns
  /** Warnings that were given already. */
  readonly warned: Set<string>
}
