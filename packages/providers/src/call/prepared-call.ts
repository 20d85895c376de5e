import type { AdmitOptions, Limiter, TaskScope } from "@sluice/core"
import type { Account } from "../accounts/account.ts"
import type { CallMarks } from "../accounts/account-label.ts"
import type { LearnedTokens } from "../accounts/token-estimate.ts"
import type { Price } from "../accounts/prices.ts"
import type { SentBody } from "../http/body.ts"
import type { ModelCall, RequestFacts, Vendor } from "../vendors/vendor.ts"

/** A model call as the caller made it. */
export interface AskedCall {
  readonly vendor: Vendor
  readonly call: ModelCall
  readonly url: URL
  /** Reads a header of the request. */
  readonly header: (name: string) => string | null
  /** The item that makes it. */
  readonly scope: TaskScope | undefined
  readonly signal: AbortSignal | undefined
}

/** What is known of a call before it asks for admission. */
export interface PreparedCall {
  readonly vendor: Vendor
  readonly endpoint: string
  /** What of the body is needed again; its parsed form is not kept. */
  readonly body: Pick<SentBody, "repeatable" | "text">
  readonly facts: RequestFacts
  readonly account: Account
  readonly marks: CallMarks
  readonly quota: Limiter
  readonly learned: LearnedTokens
  /** Blanks out the call's own credentials in what is told of it. */
  readonly hide: (text: string) => string
  readonly price: Price | undefined
  readonly admitOptions: AdmitOptions
}
