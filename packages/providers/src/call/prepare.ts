import type { AdmitOptions, Limiter, TaskScope } from "@sluice/core"
import type { Account } from "../accounts/account.ts"
import { accountLabels, type CallMarks, credentialsOf, marksOf } from "../accounts/account-label.ts"
import type { LearnedTokens } from "../accounts/token-estimate.ts"
import { callOptions } from "./with-call.ts"
import { hideLater } from "./hide-secrets.ts"
import type { FetchContext } from "./context.ts"
import type { CallIdentity } from "../options.ts"
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

/** Finds whose quota a call uses, and in whose queue it waits. */
export function prepareCall(
  context: FetchContext,
  asked: AskedCall,
  { json, fields, text, repeatable }: SentBody,
): PreparedCall {
  const { vendor, url, header, scope, signal } = asked
  const { accounts, keyBy, priority, prices } = context
  const facts = vendor.read(json ?? fields, asked.call)
  const identity: CallIdentity = { url, vendor: vendor.name, model: facts.model, header }
  const key = keyBy?.(identity)
  const labels = accountLabels(vendor, asked.call, url, header)
  const account =
    key?.account === undefined
      ? accounts.account(vendor.name, labels.account, labels.identity)
      : accounts.account(vendor.name, key.account)
  const told = callOptions(scope)
  const wanted = told.priority ?? (typeof priority === "function" ? priority(identity) : (priority ?? scope?.priority))
  const tenant = told.tenant ?? key?.tenant
  const price = account.price(facts.model, prices)
  if (!price && accounts.hasBudget(facts.model))
    void import("../on-demand.ts").then(({ warnOfPrice }) => warnOfPrice(context, scope, facts.model))
  return {
    vendor,
    endpoint: asked.call.endpoint,
    body: { repeatable, ...(text === undefined ? {} : { text }) },
    facts,
    account,
    marks: marksOf(labels, facts.model),
    hide: hideLater(() => credentialsOf(vendor, url, header)),
    quota: accounts.quota(account, facts.model),
    learned: account.learned(facts.model),
    price,
    admitOptions: {
      ...(signal ? { signal } : {}),
      ...(wanted !== undefined ? { priority: wanted } : {}),
      ...(tenant !== undefined ? { tenant: tenant } : {}),
    },
  }
}
