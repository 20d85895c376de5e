import { currentLane } from "@sluice/core"
import {
  type Quota,
  type QuotaLimits,
  type QuotaOptions,
  type QuotaSnapshot,
  retryBudget,
  systemClock,
  systemRandom,
} from "@sluice/scheduler"
import { checkQuotaOptions, ownQuota } from "@sluice/scheduler/internal"
import { Accounts, type NamedQuota, type QuotaWait } from "./accounts/accounts.ts"
import { meet } from "./accounts/many-fetches.ts"
import type { BatchLanes } from "./vendor-batch/batch-lanes.ts"
import type { FoundCall } from "./vendors/find-vendor.ts"
import { checkLimitedFetchOptions } from "./check-options.ts"
import { type LimitedFetchOptions, limitedFetchDefaults } from "./options.ts"
import { mayBeBeside } from "./call/beside/may-be-beside.ts"
import { isWorthALook } from "./call/beside/is-worth-a-look.ts"
import type { FetchContext } from "./call/context.ts"
import { ModelRequest } from "./call/model-request.ts"
import { mayBeModelCall, recogniser } from "./call/recognise.ts"
import { prices } from "./accounts/prices.ts"
import { untimedFetch } from "./http/sending/untimed-fetch.ts"
import { ownRequest } from "./call/own-request.ts"
import { type FetchInput, isPlainRequest, urlOf } from "./http/request.ts"
import { SendTurns } from "./call/send-turns.ts"
import type { SlowAnswers } from "./call/slow-answers.ts"
import { Closing } from "./call/closing.ts"
import { Pause } from "./call/pause.ts"

/** A `fetch` under quotas. */
export interface LimitedFetch {
  (input: FetchInput, init?: RequestInit): Promise<Response>
  /** The state of every quota so far: one per vendor, account and model pattern. No keys, no prompts. */
  snapshot(): QuotaSnapshot[]
  /** Why calls wait, who holds what they wait for, and until when: of all quotas together the first 20, or `count`. */
  explain(count?: number): QuotaWait[]
  /** Sends no call until `resume`: what is with the vendor goes on, what waits goes on waiting. */
  pause(): void
  resume(): void
  readonly isPaused: boolean
  /**
   * New numbers for every quota, from the next admission on, and for those that are made later; what is not named stays.
   * @throws SluiceError `invalid-option`
   */
  update(limits: QuotaLimits): void
  /** Sends calls of refused accounts again: the bill is paid, the key is valid now. */
  reopen(): void
  /** Ends what waits with an error, for admission or between attempts; resolves when the calls in flight have ended. */
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
 * const client = new OpenAI({ ...openaiOptions(fetch), apiKey: "any" })
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
  const { vendorBatches = {} } = options
  let lanes: BatchLanes | undefined
  const checkRequest = ownRequest()
  const call = async (input: FetchInput, init?: RequestInit): Promise<Response> => {
    checkRequest()
    const url = urlOf(input)
    const found = url && recognise(url, input, init)
    const isBeside = url !== undefined && !found && mayBeBeside(url) && (await onDemand()).isBesideModels(url)
    if ((found || isBeside) && !isPlainRequest(url, init)) (await onDemand()).checkSendable(url, init)
    if (!found) {
      if (url && mayBeModelCall(url, input, init) && isWorthALook(context, url))
        (await onDemand()).warnOfHole(context, url, input, init)
      return isBeside ? (await onDemand()).sendBeside(context, url, input, init) : context.fetch(input, init)
    }
    const lane = currentLane()
    if (lane) {
      const { BatchLanes } = await onDemand()
      lanes ??= new BatchLanes(context, vendorBatches)
      return lanes.sendOr(sendOnline, lane, found, url, input, init)
    }
    return sendOnline(found, url, input, init)
  }
  const sendOnline = async (
    { vendor, call: to }: FoundCall,
    url: URL,
    input: FetchInput,
    init?: RequestInit,
  ): Promise<Response> =>
    context.keys.length > 0 || context.fallback.length > 0
      ? (await onDemand()).sendByFallback(context, vendor, to, url, input, init)
      : new ModelRequest(context, vendor, to, url, input, init).run()
  const limited = Object.assign(call, {
    snapshot: () => context.accounts.snapshot(),
    explain: (count = 20) => context.accounts.explain(count),
    pause: () => context.pause.begin(),
    resume: () => context.pause.end(),
    isPaused: false,
    update: (changes: QuotaLimits) => context.accounts.update(changes),
    reopen: () => context.accounts.reopen(),
    close: () => {
      context.closing.close()
      return context.accounts.close()
    },
  })
  return Object.defineProperty(limited, "isPaused", { get: () => context.pause.isOn })
}

const onDemand = (): Promise<typeof import("./on-demand.ts")> => import("./on-demand.ts")

const slowAnswers = async (...settings: ConstructorParameters<typeof SlowAnswers>): Promise<SlowAnswers> =>
  new (await onDemand()).SlowAnswers(...settings)

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
    hedge,
    adaptiveTimeout,
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
  for (const [pattern, one] of Object.entries(limits ?? {}))
    checkQuotaOptions(`limitedFetch: limits["${pattern}"]`, one)
  checkQuotaOptions("limitedFetch", together)
  let slow: Promise<SlowAnswers> | undefined
  const all: Record<string, QuotaOptions> = { ...limits }
  if (Object.values(together).some((value) => value !== undefined)) all["*"] ??= together
  const makeQuota = (named: NamedQuota): Quota => {
    meet(named.name, clock, onEvent, onDemand)
    return ownQuota(named)
  }
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
    keyBy,
    priority,
    maxWaitMs,
    retry,
    onEvent,
    isLimited: quota !== undefined || Object.keys(all).length > 0,
    accounts: new Accounts(all, { clock, random, ...(onEvent ? { onEvent } : {}) }, quota ?? makeQuota),
    rare: onDemand,
    budget: retry?.budget ?? retryBudget({ reserve: limitedFetchDefaults.savedRetries }),
    turns: new SendTurns(clock),
    slow: hedge || adaptiveTimeout ? () => (slow ??= slowAnswers(clock, hedge, adaptiveTimeout)) : undefined,
    closing: new Closing(),
    pause: new Pause(),
    warned: new Set(),
    resend: (input, init) => (fetch ?? untimedFetch)(input, init),
  }
}
