import {
  type AdmitOptions,
  type Clock,
  type Cost,
  type Limiter,
  type Permit,
  type Random,
  SluiceError,
} from "@sluice/core"
import { backoffDelayMs, retryDefaults, sleep } from "@sluice/scheduler"
import { chargedAhead, type MaxTokensCharge } from "../vendor/max-tokens-charge.ts"
import type { VirtualAnswer, VirtualVendor } from "../vendor/virtual-vendor.ts"
import type { TrafficCall } from "./traffic-call.ts"
import { type Heard, heardFrom, type WireStyle } from "./wire-style.ts"

/** How a call ended. `aborted` by its own caller; `refused` and `failed`: its tries were spent; anything else is an error's code. */
export type CallEnd = "answered" | "aborted" | "refused" | "failed" | "denied" | (string & {})

/** What the calls of one simulation share. */
export interface TrafficClient {
  readonly limiter: Limiter
  readonly vendor: Pick<VirtualVendor, "call">
  readonly clock: Clock
  readonly random: Random
  readonly wire: WireStyle
  readonly chargesMaxTokens: MaxTokensCharge
  /** Without an answer for that long an attempt is given up. */
  readonly timeoutMs: number
  /** Where the calls are now. */
  readonly at: { waiting: number; inFlight: number; resting: number }
  /** A call has its answer. */
  readonly onAnswer?: (call: TrafficCall, answer: VirtualAnswer) => void
}

/** Refusals that one call takes, and attempts that may fail, before it gives up: as `limitedFetch` has them. */
const maxRefusals = 20
const { maxAttempts } = retryDefaults

/** One call until it has ended, as `limitedFetch` sends it: every attempt admitted anew and settled with what its answer said. */
export async function sendCall(client: TrafficClient, call: TrafficCall, signal: AbortSignal): Promise<CallEnd> {
  const cost = estimateOf(client, call)
  // An estimate is none; what is sent along as max_tokens and charged ahead is.
  const certain = { requests: 1, ...(client.chargesMaxTokens && { outputTokens: call.maxTokens ?? 0 }) }
  const options: AdmitOptions = {
    signal,
    ...(call.priority === 0 ? {} : { priority: call.priority }),
    ...(call.tenant === undefined ? {} : { tenant: call.tenant }),
  }
  let refusals = 0
  let since = client.clock.now()
  for (let failures = 0; ;) {
    let permit: Permit
    try {
      permit =
        client.limiter.tryAdmit(cost, options) ??
        (await counted(client, "waiting", client.limiter.admit(cost, { ...options, since, certain })))
    } catch (error) {
      if (signal.aborted) return "aborted"
      if (SluiceError.isInstance(error)) return error.code
      throw error
    }
    const answer = await counted(client, "inFlight", attempt(client, call, signal))
    const heard = answer ? heardFrom(client.wire, answer) : {}
    settle(client, permit, call, answer, heard, signal.aborted)
    if (answer?.status === 200) {
      client.onAnswer?.(call, answer)
      return "answered"
    }
    if (signal.aborted) return "aborted"
    if (answer && (answer.status === 401 || answer.status === 413 || answer.refusal?.reason === "billing"))
      return "denied"
    if (answer?.status === 429) {
      if (refusals++ >= maxRefusals) return "refused"
      continue
    }
    refusals = 0
    if (++failures >= maxAttempts) return "failed"
    const { retryAfterMs } = heard
    const delayMs =
      retryAfterMs === undefined
        ? backoffDelayMs(failures, undefined, client.random)
        : retryAfterMs + retryDefaults.backoff.initialMs * client.random.next()
    try {
      await counted(client, "resting", sleep(client.clock, delayMs, signal))
    } catch {
      return "aborted"
    }
    // Who was refused keeps its place in time; who failed has lost it.
    since = client.clock.now()
  }
}

async function counted<T>({ at }: TrafficClient, where: keyof TrafficClient["at"], promise: Promise<T>): Promise<T> {
  at[where]++
  try {
    return await promise
  } finally {
    at[where]--
  }
}

/** `undefined`: no answer. */
async function attempt(
  { vendor, clock, timeoutMs }: TrafficClient,
  call: TrafficCall,
  signal: AbortSignal,
): Promise<VirtualAnswer | undefined> {
  const controller = new AbortController()
  const onAbort = (): void => controller.abort(signal.reason)
  signal.addEventListener("abort", onAbort, { once: true })
  const disarm = clock.setTimer(timeoutMs, () => controller.abort())
  const { id, inputTokens, outputTokens, maxTokens } = call
  try {
    return await vendor.call({
      id,
      inputTokens,
      outputTokens,
      ...(maxTokens === undefined ? {} : { maxTokens }),
      signal: controller.signal,
    })
  } catch {
    return undefined
  } finally {
    disarm()
    signal.removeEventListener("abort", onAbort)
  }
}

function settle(
  client: TrafficClient,
  permit: Permit,
  call: TrafficCall,
  answer: VirtualAnswer | undefined,
  heard: Heard,
  isAborted: boolean,
): void {
  if (!answer) return permit.settle({ outcome: isAborted ? "ignored" : "failed" })
  const { status, usage, totalMs, firstTokenMs } = answer
  const { limits, retryAfterMs, refusal } = heard
  const told = { ...(limits && { limits }), ...(retryAfterMs !== undefined && { retryAfterMs }) }
  if (status === 200) {
    const latency = {
      totalMs,
      ...(firstTokenMs === undefined ? {} : { firstTokenMs }),
      ...(usage ? { outputTokens: usage.outputTokens } : {}),
    }
    const actual = usage && chargeOf(client, call, usage)
    return permit.settle({ outcome: "success", actual, ...(limits && { limits }), latency })
  }
  const actual = { requests: 1 }
  if (status === 429 || status === 401 || refusal) {
    return permit.settle({ outcome: "throttled", actual, reason: "rate", ...refusal, ...told })
  }
  if (status < 500) return permit.settle({ outcome: "ignored", actual })
  permit.settle({ outcome: "failed", actual, ...(retryAfterMs !== undefined && { retryAfterMs }) })
}

function estimateOf({ chargesMaxTokens }: TrafficClient, call: TrafficCall): Cost {
  const output = chargesMaxTokens ? chargedAhead(chargesMaxTokens, call) : call.outputTokens * call.estimate
  return { requests: 1, inputTokens: Math.ceil(call.inputTokens * call.estimate), outputTokens: Math.ceil(output) }
}

function chargeOf(
  { chargesMaxTokens }: TrafficClient,
  call: TrafficCall,
  usage: NonNullable<VirtualAnswer["usage"]>,
): Cost {
  if (!chargesMaxTokens) return { requests: 1, ...usage }
  return { requests: 1, inputTokens: usage.inputTokens, outputTokens: chargedAhead(chargesMaxTokens, call) }
}
