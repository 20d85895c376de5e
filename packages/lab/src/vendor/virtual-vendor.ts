import type { Clock, Feedback, LimitReading } from "@sluice/core"
import { amount, checkOptions, clock as isClock, needed, type Shape } from "@sluice/core/internal"
import { luckOf } from "../clock/seeded-random.ts"
import { type Admission, type VendorCore, vendorCore } from "./core.ts"
import type { VendorCall } from "./call.ts"
import type { VendorOptions } from "./options.ts"
import type { VendorRefusal } from "./refusal.ts"
import type { VendorTruth } from "./truth.ts"
import { vendorChecks } from "./vendor-checks.ts"

export interface VirtualVendorOptions extends VendorOptions {
  readonly clock: Clock
  /** One way. Default 20. */
  readonly networkMs?: number
  /** Added to each way: uniform between 0 and this. Default 0. */
  readonly networkJitterMs?: number
}

/** What a call came to; a torn-down connection rejects instead. */
export interface VirtualAnswer {
  readonly status: number
  readonly limits?: readonly LimitReading[]
  readonly retryAfterMs?: number
  /** The vendor's no, ready for a permit's end. Absent where the status says it all (401, 413, 500). */
  readonly refusal?: NonNullable<Feedback["refusal"]>
  /** Of an answer with status 200. */
  readonly usage?: { readonly inputTokens: number; readonly outputTokens: number }
  /** From `call` to here, network included. */
  readonly totalMs: number
  readonly firstTokenMs?: number
  /** Of an answer with status 200: how much of `totalMs` the network took. */
  readonly travelMs?: number
}

export interface VirtualVendor {
  /** Rejects when the connection is torn down, and with `signal.reason` when cancelled. A hang ends only by the signal. */
  readonly call: (call: VendorCall & { readonly signal?: AbortSignal }) => Promise<VirtualAnswer>
  truth(): VendorTruth
}

const checks: Shape<VirtualVendorOptions> = {
  ...vendorChecks,
  clock: needed(isClock),
  networkMs: amount,
  networkJitterMs: amount,
}

/** As Node's fetch has it. */
class ConnectionReset extends Error {
  readonly code = "ECONNRESET"
}

/**
 * A vendor in this process, on a virtual clock: the same limits, faults and truth as behind the HTTP server.
 *
 * @example
 * ```ts
 * const clock = new VirtualClock()
 * const vendor = createVirtualVendor({ clock, limits: { requests: 500 } })
 * const answer = await clock.run(vendor.call({ inputTokens: 100, outputTokens: 50 }))
 * answer.status // => 200
 * answer.totalMs // => 840
 * ```
 */
export function createVirtualVendor(options: VirtualVendorOptions): VirtualVendor {
  checkOptions("createVirtualVendor", options, checks)
  const { clock, networkMs = 20, networkJitterMs = 0, seed = 1 } = options
  const core: VendorCore = vendorCore(options)
  let packets = 0
  const travelMs = (): number =>
    networkJitterMs > 0 ? networkMs + networkJitterMs * luckOf(seed, "packet", packets++) : networkMs

  return {
    call({ signal, ...call }) {
      return new Promise((resolve, reject) => {
        const sentMs = clock.now()
        const thereMs = travelMs()
        let admission: Admission | undefined
        let cancelTimer = clock.setTimer(thereMs, arrive)
        signal?.addEventListener("abort", cancel, { once: true })
        if (signal?.aborted) cancel()

        function cancel(): void {
          cancelTimer()
          admission?.finish("cancelled")
          end(() => reject(signal?.reason as Error))
        }
        function end(settle: () => void): void {
          signal?.removeEventListener("abort", cancel)
          settle()
        }
        function later(delayMs: number, settle: () => void): void {
          cancelTimer = clock.setTimer(delayMs, () => end(settle))
        }
        function reset(): void {
          reject(new ConnectionReset("read ECONNRESET"))
        }
        function arrive(): void {
          const verdict = core.arrive(call)
          if (verdict.admitted) return serve((admission = verdict))
          if (verdict.status === 0) return later(travelMs(), reset)
          later(travelMs(), () => resolve({ ...spoken(verdict), totalMs: clock.now() - sentMs }))
        }
        function serve({ fault: drawn, firstTokenMs, totalMs, outputTokens, limits, finish }: Admission): void {
          // There is no text here that could fit a schema or not.
          const fault = drawn === "offSchema" ? undefined : drawn
          if (fault === "hang") {
            cancelTimer = () => undefined
            return
          }
          const backMs = travelMs()
          const endsMs = fault === "error500" || fault === "reset" ? firstTokenMs : totalMs
          cancelTimer = clock.setTimer(endsMs, () => {
            finish(fault ?? "answered")
            later(backMs, () => {
              const seen = { ...(limits ? { limits } : {}), totalMs: clock.now() - sentMs }
              if (fault === "error500") resolve({ status: 500, ...seen })
              else if (fault) reset()
              else {
                const usage = { inputTokens: call.inputTokens, outputTokens }
                const firstSeenMs = seen.totalMs - (totalMs - firstTokenMs)
                resolve({ status: 200, ...seen, usage, firstTokenMs: firstSeenMs, travelMs: thereMs + backMs })
              }
            })
          })
        }
      })
    },
    truth: () => core.truth(),
  }
}

function spoken(refusal: VendorRefusal): Omit<VirtualAnswer, "totalMs"> {
  const { status, limits, retryAfterMs, message } = refusal
  const answer = { status, ...(limits ? { limits } : {}), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
  switch (refusal.reason) {
    case "rate":
    case "daily": {
      const dimension = refusal.dimension?.replace("PerDay", "") as LimitReading["dimension"] | undefined
      return { ...answer, refusal: { reason: refusal.reason, message, ...(dimension ? { dimension } : {}) } }
    }
    case "ramp":
    case "billing":
    case "overloaded":
      return { ...answer, refusal: { reason: refusal.reason, message } }
    case "concurrency":
      return { ...answer, refusal: { reason: status === 429 ? "places" : "overloaded", message } }
    default:
      return answer
  }
}
