import { currentLane, currentScope, type LaneScope, SluiceError } from "@sluice/core"
import { type QuotaOptions, type QuotaSnapshot, retryBudget, systemClock, systemRandom } from "@sluice/scheduler"
import { Accounts } from "./accounts/accounts.ts"
import { BatchLanes } from "./vendor-batch/batch-lanes.ts"
import { plainRequest, sendByFallback } from "./call/elsewhere/fallback.ts"
import type { FoundCall } from "./vendors/find-vendor.ts"
import { checkLimitedFetchOptions, checkLimits } from "./check-options.ts"
import { type LimitedFetchOptions, limitedFetchDefaults } from "./options.ts"
import { isBesideModels, sendBeside } from "./call/beside.ts"
import type { FetchContext } from "./call/context.ts"
import { CallEvents } from "./call/events.ts"
import { ModelRequest } from "./call/model-request.ts"
import { mayBeModelCall, recogniser } from "./call/recognise.ts"
import { prices } from "./accounts/prices.ts"
import { untimedFetch } from "./http/untimed-fetch.ts"
import { ownRequest } from "./call/own-request.ts"
import { type FetchInput, urlOf } from "./http/request.ts"
import { SendTurns } from "./call/send-turns.ts"

/** A `fetch` under quotas. */
export interface LimitedFetch {
  (input: FetchInput, init?: RequestInit): Promise<Response>
  /** The state of every quota so far: one per vendor, account and model pattern. No keys, no prompts. */
  snapshot(): QuotaSnapshot[]
  /** Sends calls of refused accounts again: the bill is paid, the key is valid now. */
  reopen(): void
  /** Ends what waits for admission with an error; resolves when the calls in flight have ended. */
  close(): Promise<void>
}

/**
 * A drop-in `fetch` under which every call to a model is admitted by its quota, retried, and accounted.
 *
 * What a vendor has beside its models (files, batches, counts of tokens) is tried again where that makes nothing twice, and
 * has no quota. Everything else passes through untouched. A final answer is the vendor's own, byte for byte, so SDKs
 * throw their own typed errors. Each attempt is admitted and charged anew; a vendor's delay holds for every call of that
 * account and model. A streamed answer holds its permit until it ends, is cancelled, or is dropped.
 * Holds no key and no prompt: accounts are told apart by a hash.
 *
 * @throws SluiceError `invalid-option` at once. Calls reject with the caller's own `signal.reason`, with `VendorError`
 * when there was no answer at all, and with the quota's errors (`queue-full`, `deadline-unreachable`, `quota-exhausted`,
 * `budget-exhausted`, `cost-exceeds-limit`).
 *
 * @example
 * ```ts
 * const fetch = limitedFetch({ requestsPerMinute: 500, tokensPerMinute: 200_000 })
 * const client = new OpenAI({ fetch, maxRetries: 0, apiKey: "any" })
 * ```
 */
export function limitedFetch(options: LimitedFetchOptions = {}): LimitedFetch {
  const context = contextOf(options)
  const recognise = recogniser(options)
  const alone: FetchContext = { ...context, keys: [], fallback: [] }
  context.resend = async (input, init) => {
    const url = urlOf(input)
    const found = url && recognise(url, input, init)
    return found
      ? new ModelRequest(alone, found.vendor, found.call, url, input, init).run()
      : context.fetch(input, init)
  }
  const lanes = new BatchLanes(context, options.vendorBatches ?? {})
  const checkRequest = ownRequest()
  const call = async (input: FetchInput, init?: RequestInit): Promise<Response> => {
    checkRequest()
    const url = urlOf(input)
    const found = url && recognise(url, input, init)
    if (!found) {
      if (url && isBesideModels(url) && (url.username !== "" || url.password !== "")) throw userInfo(url)
      if (url && context.isLimited && mayBeModelCall(url, input, init)) warnOfHole(context, url)
      return url && isBesideModels(url) ? sendBeside(context, url, input, init) : context.fetch(input, init)
    }
    if (url.username !== "" || url.password !== "") throw userInfo(url)
    const lane = currentLane()
    if (lane) return sendInLane(lane, found, url, input, init)
    return sendOnline(found, url, input, init)
  }
  const sendOnline = (
    { vendor, call: to }: FoundCall,
    url: URL,
    input: FetchInput,
    init?: RequestInit,
  ): Promise<Response> =>
    context.keys.length > 0 || context.fallback.length > 0
      ? sendByFallback(context, vendor, to, url, input, init)
      : new ModelRequest(context, vendor, to, url, input, init).run()
  const sendInLane = async (
    lane: LaneScope,
    found: FoundCall,
    url: URL,
    input: FetchInput,
    init?: RequestInit,
  ): Promise<Response> => {
    const { init: plain, json } = await plainRequest(input, init)
    const answer = json && (await lanes.answer(lane, { ...found, url, init: plain, json }))
    return answer ?? sendOnline(found, url, url.href, plain)
  }
  return Object.assign(call, {
    snapshot: () => context.accounts.snapshot(),
    reopen: () => context.accounts.reopen(),
    close: () => context.accounts.close(),
  })
}

/** `fetch` would refuse it too, and show it whole. */
function userInfo({ host }: URL): SluiceError {
  return new SluiceError(
    "invalid-option",
    `limitedFetch: the address of a call to ${host} has a user name or password in it, which fetch does not send. Put them into an authorization header.`,
    { details: { host } },
  )
}

/** Who told a limit relies on it. */
function warnOfHole(context: FetchContext, { host }: URL): void {
  new CallEvents(context, currentScope()).warnOnce(
    "not-limited",
    `A POST to ${host} is no model call that is known, so no limit holds it back. Name the vendor whose protocol it speaks (vendor: "openai-compatible"), or limit every POST (everything: true).`,
    `not-limited ${host}`,
  )
}

function contextOf(options: LimitedFetchOptions): FetchContext {
  checkLimitedFetchOptions(options)
  const {
    limits,
    quota,
    vendor: _vendor,
    everything: _everything,
    keyBy,
    priority,
    retry,
    timeoutMs,
    idleTimeoutMs,
    maxWaitMs,
    maxAnswerBytes,
    vendorBatches: _lanes,
    keys = [],
    fallback = [],
    prices: overrides,
    fetch,
    clock = systemClock,
    random = systemRandom,
    onEvent,
    ...together
  } = options
  for (const [pattern, one] of Object.entries(limits ?? {})) checkLimits(`limitedFetch: limits["${pattern}"]`, one)
  checkLimits("limitedFetch", together)
  const all: Record<string, QuotaOptions> = { ...limits }
  if (Object.values(together).some((value) => value !== undefined)) all["*"] ??= together
  return {
    clock,
    random,
    fetch: fetch ?? untimedFetch,
    maxAnswerBytes: maxAnswerBytes ?? limitedFetchDefaults.maxAnswerBytes,
    timeoutMs: timeoutMs ?? limitedFetchDefaults.timeoutMs,
    idleTimeoutMs: idleTimeoutMs ?? limitedFetchDefaults.idleTimeoutMs,
    // As `fetch` sends them: a line end from an .env is no part of a key.
    keys: keys.map((key) => key.trim()),
    fallback: fallback.map((each) => (each.key === undefined ? each : { ...each, key: each.key.trim() })),
    prices: { ...prices, ...overrides },
    ...(keyBy ? { keyBy } : {}),
    ...(priority !== undefined ? { priority } : {}),
    ...(maxWaitMs !== undefined ? { maxWaitMs } : {}),
    ...(retry ? { retry } : {}),
    ...(onEvent ? { onEvent } : {}),
    isLimited: quota !== undefined || Object.keys(all).length > 0,
    accounts: new Accounts(all, { clock, random, ...(onEvent ? { onEvent } : {}) }, quota),
    budget: retry?.budget ?? retryBudget({ reserve: limitedFetchDefaults.savedRetries }),
    turns: new SendTurns(clock),
    warned: new Set(),
    resend: (input, init) => (fetch ?? untimedFetch)(input, init),
  }
}
