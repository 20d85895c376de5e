import { currentScope } from "@sluice/core"
import { type Fallback, type FallbackCall, fallbackDefaults } from "./fallback-option.ts"
import type { FetchContext } from "../context.ts"
import { CallEvents } from "../telling/events.ts"
import { type Ending, endingOf } from "../failure/ending.ts"
import { ModelRequest } from "../model-request.ts"
import { type KeyRing, keyRing } from "./key-ring.ts"
import { readBody, readWhole } from "../../http/body.ts"
import { isRewritable } from "./is-rewritable.ts"
import { type FetchInput, headerReader } from "../../http/request.ts"
import type { ModelCall, Vendor } from "../../vendors/vendor.ts"

/** Sends a call to the first place that answers: each place under its own quota, a place's keys by free capacity. */
export async function sendByFallback(
  context: FetchContext,
  vendor: Vendor,
  call: ModelCall,
  url: URL,
  input: FetchInput,
  init?: RequestInit,
): Promise<Response> {
  const plain = await plainRequest(context, input, init)
  const places: readonly Fallback[] = [{}, ...possible(context, plain)]
  for (const [index, place] of places.entries()) {
    const when = places[index + 1] && { ...fallbackDefaults, ...places[index + 1]!.when }
    if (place.send) {
      const outcome = await outcomeElsewhere(place.send, {
        url,
        init: plain.init,
        body: plain.json,
        fetch: context.resend,
      })
      if (!when || !applies(when, outcome.ending)) return outcome.result()
      outcome.drop()
      continue
    }
    const sent =
      plain.json === undefined || place.model === undefined
        ? { url, body: plain.init.body }
        : rewritten(vendor, url, plain.json, place.model)
    const bounded = when ? { ...context, maxWaitMs: Math.min(when.waitMs, context.maxWaitMs ?? Infinity) } : context
    const target = place.model === undefined ? call : (vendor.recognise(sent.url, "POST") ?? call)
    const keys = keyRing(
      bounded,
      { vendor, call: target, url: sent.url },
      place.key === undefined ? context.keys : [place.key],
    )
    const outcome = await sendWithKeys(
      bounded,
      vendor,
      target,
      sent.url,
      { ...plain.init, body: sent.body ?? null },
      keys,
      plain.json,
      place.model,
    )
    if (!when || !applies(when, outcome.ending)) return outcome.result()
    outcome.drop()
  }
  throw new Error("unreachable: the last place returns")
}

/** Without other models for a body that cannot say another model and all else as it was. */
function possible(context: FetchContext, { json, isRewritable }: PlainRequest): readonly Fallback[] {
  const needsRewriting = ({ send, model }: Fallback): boolean => send === undefined && model !== undefined
  if (!context.fallback.some(needsRewriting) || (json !== undefined && isRewritable())) return context.fallback
  new CallEvents(context, currentScope()).warnOnce(
    "not-rewritten",
    "A call was not offered to the fallback's model: its body is no JSON object, names something twice, or has a number of more digits than JavaScript keeps.",
  )
  return context.fallback.filter((place) => !needsRewriting(place))
}

interface FallbackEnd {
  readonly ending: Ending
  readonly result: () => Response
  readonly drop: () => void
}

/** What a function of the caller's came to, by the status of its answer. */
async function outcomeElsewhere(send: NonNullable<Fallback["send"]>, call: FallbackCall): Promise<FallbackEnd> {
  try {
    const response = await send(call)
    return {
      ending: endingWith(response.status),
      result: () => response,
      drop: () => void response.body?.cancel(),
    }
  } catch (error) {
    const result = (): never => {
      throw error
    }
    return { ending: call.init.signal?.aborted ? "final" : endingOf(error, "overloaded"), result, drop: () => {} }
  }
}

function endingWith(status: number): Ending {
  if (status < 400) return "answered"
  if (status === 429) return "throttled"
  if (status === 401 || status === 402) return "fatal"
  return status === 408 || status >= 500 ? "overloaded" : "final"
}

/** One place: the key with the most room, and the next when the vendor refuses that one. */
async function sendWithKeys(
  context: FetchContext,
  vendor: Vendor,
  call: ModelCall,
  url: URL,
  init: RequestInit,
  keys: KeyRing,
  body: unknown,
  model?: string,
): Promise<FallbackEnd> {
  for (;;) {
    const keyed = keys.next(init, model ?? vendor.read(body, call).model)
    const outcome = await outcomeOf(new ModelRequest(context, vendor, call, url, url.href, keyed.init)).finally(
      keyed.done,
    )
    if (outcome.ending !== "fatal" || !keys.more()) return outcome
    outcome.drop()
  }
}

async function outcomeOf(request: ModelRequest): Promise<FallbackEnd> {
  try {
    const response = await request.run()
    return { ending: request.ending, result: () => response, drop: () => void response.body?.cancel() }
  } catch (error) {
    const result = (): never => {
      throw error
    }
    return { ending: request.ending, result, drop: () => {} }
  }
}

function applies(when: Required<NonNullable<Fallback["when"]>>, ending: Ending): boolean {
  if (ending === "throttled") return true
  return ending === "fatal" ? when.fatal : ending === "overloaded" && when.overloaded
}

function rewritten(
  vendor: Vendor,
  url: URL,
  json: Readonly<Record<string, unknown>>,
  model: string,
): { url: URL; body: string } {
  const other = vendor.withModel(url, json, model)
  return { url: other.url, body: JSON.stringify(other.body) }
}

export interface PlainRequest {
  readonly init: RequestInit
  readonly json: Readonly<Record<string, unknown>> | undefined
  /** Whether nothing is lost when the JSON is written anew. */
  readonly isRewritable: () => boolean
}

/** The request in a form that can be sent to several places. */
export async function plainRequest(
  { closing }: FetchContext,
  input: FetchInput,
  init: RequestInit | undefined,
): Promise<PlainRequest> {
  const request = input instanceof Request ? input : undefined
  const isJson = (): boolean => headerReader(input, init)("content-type")?.includes("json") ?? false
  const signal = closing.either(init?.signal ?? request?.signal)
  const { json, text, replacement } = await readBody(
    init?.body ?? (request?.body ? request : undefined),
    isJson,
    () => signal,
  )
  const own: RequestInit = request ? { method: request.method, headers: request.headers, signal: request.signal } : {}
  // Another place may need it again.
  if (request?.body && !init?.body && !replacement) own.body = await readWhole(request.body, signal)
  return {
    isRewritable: () => text !== undefined && isRewritable(text),
    init: { ...own, ...init, ...(replacement && { body: replacement }) },
    json:
      typeof json === "object" && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : undefined,
  }
}
