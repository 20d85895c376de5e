import { type Cost, currentScope, type LaneScope, type SluiceEvent, type TaskScope } from "@sluice/core"
import type { Account } from "../account.ts"
import { accountLabel } from "../account-label.ts"
import type { FetchContext } from "../limited-fetch.ts"
import { usdOf } from "../prices.ts"
import { headerReader } from "../request-parts.ts"
import type { ModelCall, RequestFacts, Usage, Vendor } from "../vendor.ts"
import { batchHttp, callerHeaders } from "./batch-http.ts"
import type { BatchResult, BatchVendor } from "./batch-vendor.ts"
import { LaneCapacity } from "./lane-capacity.ts"
import type { LaneOptions } from "./lane-options.ts"
import { LaneRecord } from "./lane-record.ts"
import { laneVendors } from "./lane-vendors.ts"
import { onlineMs } from "./online-ms.ts"
import type { BatchEvent } from "./run-batches-options.ts"
import { VendorLane } from "./vendor-lane.ts"

/** A model call that can be read: where it goes, and its JSON. */
export interface LaneCall {
  readonly vendor: Vendor
  readonly call: ModelCall
  readonly url: URL
  readonly init: RequestInit
  readonly json: Readonly<Record<string, unknown>>
}

/** What the calls of one visit of a batch node share. */
interface Visit {
  readonly record: LaneRecord
  readonly startMs: number
  readonly lanes: Map<string, VendorLane>
}

/** Answers model calls of items whose batch asked for a lane, through the vendors' batch APIs. */
export class BatchLanes {
  readonly #context: FetchContext
  readonly #options: LaneOptions
  readonly #visits = new WeakMap<LaneScope, Promise<Visit>>()
  readonly #capacities = new Map<string, LaneCapacity>()

  constructor(context: FetchContext, options: LaneOptions) {
    this.#context = context
    this.#options = options
  }

  /** The answer, or `undefined` when the call has to go online. Rejects with the caller's `signal.reason`. */
  async answer(lane: LaneScope, sent: LaneCall): Promise<Response | undefined> {
    const { vendor, call, url, init, json } = sent
    const facts = vendor.read(json, call)
    const open = facts.stream ? undefined : laneVendors[vendor.name]?.(call, url)
    if (!open) return undefined
    const scope = currentScope()
    const account = this.#accountOf(sent, facts.model)
    const visit = await this.#visitOf(lane)
    const headers = callerHeaders(new Headers(init.headers))
    const name = accountLabel([vendor.name, url.href, facts.model, ...[...headers].flat()])
    let way = visit.lanes.get(name)
    if (!way) {
      const { fetch, clock, random } = this.#context
      const batches = open(batchHttp({ vendor: vendor.name, fetch, headers, clock, random }))
      visit.lanes.set(name, (way = this.#newLane(lane, visit, vendor, batches, account, facts.model)))
    }
    const signals = [init.signal, scope?.signal].filter((signal) => signal !== null && signal !== undefined)
    const result = await way.ask({
      content: await contentHash(vendor.name, url.pathname, json),
      body: json,
      tokens: account.learned(facts.model).inputTokens(facts.prompt),
      scope,
      signal: signals.length > 1 ? AbortSignal.any(signals) : signals[0],
    })
    if (!result) return undefined
    if (result.status === "ok" && result.usage) this.#used(result.usage, facts, account, scope, way.priceShare)
    return responseOf(result, url)
  }

  #accountOf({ vendor, url, init }: LaneCall, model: string): Account {
    const { accounts, keyBy } = this.#context
    const header = headerReader("", init)
    const key = keyBy?.({ url, vendor: vendor.name, model, header })
    return accounts.account(vendor.name, key?.account ?? accountLabel(vendor.accountHeaders.map(header)))
  }

  #visitOf(lane: LaneScope): Promise<Visit> {
    let visit = this.#visits.get(lane)
    if (!visit) {
      const startMs = this.#context.clock.now()
      visit = LaneRecord.open(lane.notes, lane.record).then((record) => ({ record, startMs, lanes: new Map() }))
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
      capacity = new LaneCapacity(maxOpen ?? Math.min(maxRequests, batches.maxRequests), maxEnqueuedTokens)
      this.#capacities.set(name, capacity)
    }
    return new VendorLane({
      vendor: batches,
      record,
      capacity,
      options: this.#options,
      clock,
      random,
      deadlineAtMs: lane === "batch" ? undefined : startMs + lane.deadlineMs,
      onlineMs: (requests, inputTokens) => {
        const outputTokens = requests * account.learned(model).outputMean
        return onlineMs({ requests, inputTokens, outputTokens }, accounts.stateOf(account, model))
      },
      onBatch: (event) => this.#told(event, account, model),
      onClosed: (error) =>
        this.#emit({
          type: "warning",
          atMs: clock.now(),
          code: "no-vendor-batch",
          message: `${vendor.name} ${model}: no batch could be made, its calls go online. ${error instanceof Error ? error.message : ""}`,
        }),
    })
  }

  #used(usage: Usage, facts: RequestFacts, account: Account, scope: TaskScope | undefined, priceShare: number): void {
    const { prices, clock } = this.#context
    const learned = account.learned(facts.model)
    learned.learnInput(facts.prompt, usage.inputTokens)
    if (facts.answers > 0) learned.learnOutput(usage.outputTokens / facts.answers)
    const price = account.price(facts.model, prices)
    const cost: Cost = {
      requests: 1,
      inputTokens: usage.inputTokens,
      outputTokens: usage.outputTokens,
      ...(price ? { usd: usdOf(price, usage) * priceShare } : {}),
    }
    scope?.spend?.(cost)
    const { cachedInputTokens } = usage
    const event = {
      type: "usage",
      atMs: clock.now(),
      cost,
      model: facts.model,
      cachedInputTokens,
      lane: "batch",
    } as const
    this.#emit(event, scope)
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

  #emit(event: SluiceEvent, scope?: TaskScope): void {
    const { runId, spanId } = scope ?? {}
    try {
      this.#context.onEvent?.(
        runId === undefined || spanId === undefined ? event : ({ ...event, runId, spanId } as SluiceEvent),
      )
    } catch {
      // A sink that throws does not disturb the call.
    }
  }
}

async function contentHash(vendor: string, path: string, json: unknown): Promise<string> {
  const text = new TextEncoder().encode(`${vendor}\n${path}\n${JSON.stringify(json)}`)
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text))
  // 128 bits: vendors take names of 64 characters, and two requests must never be taken for one another.
  return Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("")
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
