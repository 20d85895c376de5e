import { currentScope, type LaneScope, type SluiceEvent, type TaskScope } from "@sluice/core"
import { hashText, tellWarning } from "@sluice/core/internal"
import type { Account } from "../accounts/account.ts"
import { CallEvents } from "../call/telling/events.ts"
import type { FetchContext } from "../call/context.ts"
import { costOf, learnFrom } from "../accounts/accounting.ts"
import { plainRequest } from "../call/elsewhere/fallback.ts"
import type { FetchInput } from "../http/request.ts"
import type { FoundCall } from "../vendors/find-vendor.ts"
import { putKey } from "../call/elsewhere/key-ring.ts"
import { prepareCall } from "../call/prepare.ts"
import type { PreparedCall } from "../call/prepared-call.ts"
import type { ModelCall, Usage, Vendor } from "../vendors/vendor.ts"
import { batchHttp, callerHeaders } from "./vendors/batch-http.ts"
import type { BatchEvent, BatchResult, BatchVendor } from "./vendors/batch-vendor.ts"
import { DollarsAhead } from "./dollars-ahead.ts"
import { BatchRecord } from "./engine/batch-record.ts"
import { contentHash } from "./engine/content-hash.ts"
import { LaneCapacity } from "./engine/lane-capacity.ts"
import { laneDefaults, type LaneOptions } from "./engine/lane-options.ts"
import { onlineMs } from "./engine/online-ms.ts"
import { batchesInRun } from "./engine/run-notes.ts"
import { VendorLane } from "./engine/vendor-lane.ts"
import { laneVendors } from "./vendors/lane-vendors.ts"

/** A model call that can be read: where it goes, and its JSON. */
interface LaneCall {
  readonly vendor: Vendor
  readonly call: ModelCall
  readonly url: URL
  readonly init: RequestInit
  readonly json: Readonly<Record<string, unknown>>
}

/** What the calls of one visit of a batch node share. */
interface Visit {
  readonly record: BatchRecord
  readonly startMs: number
  readonly lanes: Map<string, VendorLane>
}

/** Sends model calls of items whose batch asked for a lane through the vendors' batch APIs. */
export class BatchLanes {
  readonly #context: FetchContext
  readonly #options: LaneOptions
  readonly #dollars: DollarsAhead
  readonly #visits = new WeakMap<LaneScope, Promise<Visit>>()
  readonly #capacities = new Map<string, LaneCapacity>()

  constructor(context: FetchContext, options: LaneOptions) {
    this.#context = context
    this.#options = options
    this.#dollars = new DollarsAhead(context.accounts)
  }

  /** Through the lane where that can be, else by `online`, which gets the call with a body that can be read again. */
  async sendOr(
    online: (found: FoundCall, url: URL, input: string, init: RequestInit) => Promise<Response>,
    lane: LaneScope,
    found: FoundCall,
    url: URL,
    input: FetchInput,
    init: RequestInit | undefined,
  ): Promise<Response> {
    const { init: plain, json, isRewritable } = await plainRequest(this.#context, input, init)
    // Into a batch it would be written anew.
    const answer = json && isRewritable() && (await this.#send(lane, { ...found, url, init: plain, json }))
    return answer || online(found, url, url.href, plain)
  }

  /** The answer, or `undefined` when the call has to go online. Rejects with the caller's `signal.reason`. */
  async #send(lane: LaneScope, { vendor, call, url, init, json }: LaneCall): Promise<Response | undefined> {
    const open = laneVendors.get(vendor.name)?.(call, url)
    if (!open) return undefined
    const scope = currentScope()
    const sent = new Headers(init.headers)
    const key = this.#context.keys[0]
    // Always the same of several keys: another one's batch would not be found again.
    if (key !== undefined) putKey(vendor, sent, key)
    const signals = [init.signal, scope?.signal].filter((signal) => signal !== null && signal !== undefined)
    const signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0]
    const prepared = prepareCall(
      this.#context,
      { vendor, call, url, header: (name) => sent.get(name), scope, signal },
      { json, repeatable: true },
    )
    const { facts, account, marks } = prepared
    if (facts.stream || account.isRefused(marks)) return undefined
    const visit = await this.#visitOf(lane)
    const headers = callerHeaders(sent)
    const name = hashText([vendor.name, url.href, facts.model, ...[...headers].flat()])
    let way = visit.lanes.get(name)
    if (!way) {
      const { fetch, clock, timeoutMs } = this.#context
      const batches = open(batchHttp({ vendor: vendor.name, fetch, headers, clock, timeoutMs }))
      visit.lanes.set(name, (way = this.#newLane(lane, visit, vendor, batches, account, facts.model)))
    }
    const correct = await this.#dollars.pay(prepared, scope, way.priceShare)
    let usd = 0
    try {
      const { result } = await way.ask({
        content: await contentHash(vendor.name, url.pathname, json),
        body: json,
        tokens: account.learned(facts.model).inputTokens(facts.prompt),
        scope,
        signal,
      })
      if (!result) return undefined
      if (result.status === "ok" && result.usage) usd = this.#used(result.usage, prepared, scope, way.priceShare)
      const response = responseOf(result, url)
      if (result.status === "ok" || !result.isSpendCap) return response
      // Whoever comes after it is not sent: the queue ends, its items stay open.
      account.refuse(response, new Uint8Array(await response.clone().arrayBuffer()))
      return account.refusal(prepared.quota, marks)
    } finally {
      correct(usd)
    }
  }

  #visitOf(lane: LaneScope): Promise<Visit> {
    let visit = this.#visits.get(lane)
    if (!visit) {
      const startMs = this.#context.clock.now()
      visit = BatchRecord.open(lane.notes && batchesInRun(lane.notes, lane.record)).then((record) => ({
        record,
        startMs,
        lanes: new Map(),
      }))
      this.#visits.set(lane, visit)
      lane.atEnd(async (finished) => {
        const { record, lanes } = await visit!
        const all = [...lanes.values()]
        await Promise.all(all.map((each) => each.settled()))
        if (finished) await record.forget(all.flatMap((each) => each.spent))
      })
    }
    return visit
  }

  #newLane(
    { lane }: LaneScope,
    { record, startMs }: Visit,
    vendor: Vendor,
    batches: BatchVendor,
    account: Account,
    model: string,
  ): VendorLane {
    const { clock, random, accounts } = this.#context
    const { maxOpen, maxRequests = batches.maxRequests, maxEnqueuedTokens = Infinity } = this.#options
    const name = `${account.label}/${model}`
    let capacity = this.#capacities.get(name)
    if (!capacity) {
      capacity = new LaneCapacity(
        maxOpen ?? Math.min(maxRequests, batches.maxRequests, laneDefaults.maxOpen),
        maxEnqueuedTokens,
      )
      this.#capacities.set(name, capacity)
    }
    return new VendorLane({
      vendor: batches,
      record,
      capacity,
      options: this.#options,
      maxBlindLooks: laneDefaults.maxBlindLooks,
      clock,
      random,
      deadlineAtMs: lane === "batch" ? undefined : startMs + lane.deadlineMs,
      onlineMs: (requests, inputTokens) => {
        const outputTokens = requests * account.learned(model).outputMean
        return onlineMs({ requests, inputTokens, outputTokens }, accounts.stateOf(account, model))
      },
      onBatch: (event) => this.#told(event, account, model),
      onClosed: (error) =>
        tellWarning(
          this.#context.onEvent,
          clock.now(),
          "no-vendor-batch",
          `${vendor.name} ${model}: no batch could be made, its calls go online. ${error instanceof Error ? error.message : ""}`,
        ),
    })
  }

  /** Returns the dollars. */
  #used(usage: Usage, prepared: PreparedCall, scope: TaskScope | undefined, priceShare: number): number {
    learnFrom(prepared, usage, "counted")
    const cost = costOf(prepared, usage, priceShare)
    new CallEvents(this.#context, scope).usage(prepared, cost, usage.cachedInputTokens, { lane: "batch" })
    return cost.usd ?? 0
  }

  #told({ type: state, ...rest }: BatchEvent, account: Account, model: string): void {
    this.#emit({
      type: "vendor-batch",
      atMs: this.#context.clock.now(),
      state,
      account: account.label,
      model,
      ...rest,
    })
  }

  #emit(event: SluiceEvent): void {
    try {
      this.#context.onEvent?.(event)
    } catch {
      // A sink that throws does not disturb the call.
    }
  }
}

/** What the caller's SDK would have got online. */
function responseOf(result: BatchResult, url: URL): Response {
  const headers = { "content-type": "application/json", "x-sluice-lane": "batch" }
  const { status, body } = answerOf(result)
  const response = new Response(JSON.stringify(body), {
    status,
    // What the batch refused for good stays refused: an SDK's own retries would only pay again.
    headers: status < 400 ? headers : { ...headers, "x-should-retry": "false" },
  })
  return Object.defineProperty(response, "url", { value: url.href })
}

function answerOf(result: BatchResult): { readonly status: number; readonly body: unknown } {
  if (result.status === "ok") return { status: 200, body: result.body }
  const { code, message, answer } = result
  return answer ?? { status: 400, body: { error: { type: "invalid_request_error", code, message } } }
}
