import { accountLabels, credentialsOf, marksOf } from "../accounts/account-label.ts"
import { callOptions } from "./with-call.ts"
import { hideLater } from "./hide-secrets.ts"
import type { FetchContext } from "./context.ts"
import type { CallIdentity } from "../options.ts"
import type { SentBody } from "../http/body.ts"
import type { AskedCall, PreparedCall } from "./prepared-call.ts"
import { CallEvents } from "./telling/events.ts"

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
    void context.rare().then((rare) => rare.warnOfPrice(new CallEvents(context, scope), facts.model))
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
