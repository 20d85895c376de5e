import type { EventSink } from "@sluice/core"
import type { RetryBudget } from "@sluice/scheduler"
import type { Accounts } from "../accounts/accounts.ts"
import type { FetchInput } from "../http/request.ts"
import type { followRedirects } from "../http/sending/follow-redirects.ts"
import type { unanswered } from "./failure/unanswered.ts"
import type { Closing } from "./closing.ts"
import type { LimitedFetchOptions } from "../options.ts"
import type { Pause } from "./pause.ts"
import type { SendTurns } from "./send-turns.ts"
import type { SlowAnswers } from "./slow-answers.ts"
import type * as warnings from "./telling/rare-warnings.ts"

/** What few calls meet. It is handed on by `limitedFetch`, because the module that has it leads back to who needs it. */
export interface RareCases extends Readonly<typeof warnings> {
  readonly followRedirects: typeof followRedirects
  readonly unanswered: typeof unanswered
}

/** What all calls of one `limitedFetch` share. */
export interface FetchContext extends Required<
  Pick<
    LimitedFetchOptions,
    "clock" | "random" | "fetch" | "timeoutMs" | "idleTimeoutMs" | "maxAnswerBytes" | "prices" | "keys" | "fallback"
  >
> {
  readonly keyBy: LimitedFetchOptions["keyBy"] | undefined
  readonly priority: LimitedFetchOptions["priority"] | undefined
  readonly maxWaitMs: number | undefined
  readonly retry: LimitedFetchOptions["retry"] | undefined
  readonly onEvent?: EventSink | undefined
  /** Whether any limit was told. */
  readonly isLimited: boolean
  /** Sends a request under the same limits, without another fallback. */
  resend: (input: FetchInput, init?: RequestInit) => Promise<Response>
  readonly accounts: Accounts
  readonly budget: RetryBudget
  readonly turns: SendTurns
  /** Where hedging or an adaptive time-out is asked for. */
  readonly slow: (() => Promise<SlowAnswers>) | undefined
  readonly rare: () => Promise<RareCases>
  readonly closing: Closing
  readonly pause: Pause
  /** Warnings that were given already. */
  readonly warned: Set<string>
}
