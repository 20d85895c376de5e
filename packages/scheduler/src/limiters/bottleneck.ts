import {
  countInScope,
  currentScope,
  SluiceError,
  type AdmitOptions,
  type Clock,
  type Cost,
  type Limiter,
  type Permit,
} from "@sluice/core"
import { callable, checkOptions, clock as isClock, count, invalidOption } from "@sluice/core/internal"
import { onAbort } from "../queue/on-abort.ts"
import { assertNoReentry } from "../queue/reentry.ts"
import { sleep } from "../runtime/sleep.ts"
import { systemClock } from "../runtime/system-clock.ts"
import { wrongAsk, wrongEnd } from "../queue/limiter-checks.ts"
import { Waiter } from "../queue/waiter.ts"

/** What is used of a Bottleneck (2.19) instance, a `Group`'s member or a cluster's client. */
export interface BottleneckLike {
  schedule<R>(job: { priority?: number; weight?: number; id?: string }, fn: () => PromiseLike<R>): Promise<R>
  on(name: "dropped", fn: (dropped: { readonly options: { readonly id?: string } }) => void): unknown
}

export interface BottleneckLimiterOptions {
  /** How many of the limiter's units a call takes. Default 1, whatever it costs. */
  readonly weigh?: (cost: Cost) => number
  /** The `maxConcurrent` that it was made with. Told, a call that waits for itself fails at once instead of for ever. */
  readonly maxConcurrent?: number
  readonly clock?: Clock
}

/**
 * An existing Bottleneck limiter behind the `Limiter` contract: a permit is a job of it that ends when the permit is settled.
 *
 * What it adds to Bottleneck:
 * - an abort and `maxWaitMs` end a wait at once;
 * - a job that Bottleneck drops (high-water strategies, `stop`, even with `rejectOnDrop: false`) rejects with `queue-full` or
 *   `limiter-closed`, and one that is too heavy with `cost-exceeds-limit`: nothing hangs and nothing resolves to `undefined`;
 * - `throttled` with a delay holds everybody back until the delay has passed.
 *
 * What it cannot promise:
 * - a call that gave up still takes its turn in Bottleneck's queue, and one unit of a reservoir;
 * - `tryAdmit` never has a permit: Bottleneck decides asynchronously;
 * - `actual` at settle is ignored, so an estimate that was too high or too low is not corrected;
 * - `priority` maps to Bottleneck's ten classes (5 - priority, within 0 and 9), which do not age: low ones may starve;
 * - a heavy job at the head blocks the light ones behind it, one heavier than a reservoir's refresh waits for ever (give
 *   `maxWaitMs`), and `updateSettings` stops a reservoir's refresh (Bottleneck #185);
 * - time is the wall clock: a step back of an hour stops refills for an hour;
 * - about 400 admissions a second;
 * - in a cluster a killed process keeps its permits for ever, and a restarted Redis is not recovered from.
 *
 * @throws SluiceError `queue-full`, `limiter-closed`, `cost-exceeds-limit`, `deadline-unreachable`, `limiter-reentry`
 *
 * @example
 * ```ts
 * const limiter = bottleneckLimiter(new Bottleneck({ maxConcurrent: 2 }), { maxConcurrent: 2 })
 * const permit = await limiter.admit()
 * permit.settle({ outcome: "success" })
 * ```
 */
export function bottleneckLimiter(bottleneck: BottleneckLike, options: BottleneckLimiterOptions = {}): Limiter {
  const { weigh, maxConcurrent = Infinity, clock = systemClock } = options
  checkOptions("bottleneckLimiter", options, { weigh: callable, maxConcurrent: count(), clock: isClock })
  const waiting = new Map<string, Waiter>()
  // With `rejectOnDrop: false` this event is all there is. Otherwise the rejection says more, and comes a moment later.
  bottleneck.on("dropped", ({ options: { id = "" } }) => {
    void Promise.resolve()
      .then(() => {})
      .then(() => waiting.get(id)?.fail(dropped()))
  })
  let jobs = 0
  let closedUntilMs = -Infinity

  const weightOf = (cost: Cost): number => {
    const weight = weigh?.(cost) ?? 1
    // Bottleneck takes a weight of 0.5 or "2" and counts wrong from then on.
    if (!Number.isInteger(weight) || weight < 0)
      throw invalidOption("bottleneckLimiter", "weigh(cost)", "a whole number from 0 up", weight)
    if (weight > maxConcurrent) throw tooHeavy(`A call of weight ${weight} can never fit into ${maxConcurrent}.`)
    return weight
  }

  const limiter: Limiter = {
    tryAdmit(cost: Cost = {}, asked?: AdmitOptions) {
      const wrong = wrongAsk(cost, asked)
      if (wrong) throw wrong
      return undefined
    },
    admit(cost: Cost = {}, asked: AdmitOptions = {}): Promise<Permit> {
      const wrong = wrongAsk(cost, asked)
      if (wrong) return Promise.reject(wrong)
      const { signal: given, priority, maxWaitMs } = asked
      const scope = currentScope()
      const signal = given ?? scope?.signal
      if (signal?.aborted) return Promise.reject(signal.reason as Error)
      let weight: number
      let endReentry: (() => void) | undefined
      try {
        weight = weightOf(cost)
        endReentry = assertNoReentry(limiter, scope, maxConcurrent)
      } catch (error) {
        return Promise.reject(error)
      }
      // A fixed id would be refused as a duplicate, and Bottleneck's own ids are only likely to differ.
      const id = `sluice-${++jobs}-${clock.wallNow()}`
      const waiter = new Waiter(scope)
      const promise = waiter.wait()
      waiting.set(id, waiter)
      waiter.atEnd(() => waiting.delete(id))
      waiter.atEnd(endReentry)
      waiter.atEnd(signal && onAbort(signal, () => waiter.fail(signal.reason)))
      if (maxWaitMs !== undefined) waiter.atEnd(clock.setTimer(maxWaitMs, () => waiter.fail(late(maxWaitMs))))

      const job = async (): Promise<void> => {
        while (!waiter.gone && clock.now() < closedUntilMs) {
          await sleep(clock, closedUntilMs - clock.now(), signal).catch(() => {})
        }
        if (waiter.gone) return
        countInScope(scope, "holding", 1)
        // The job never fails: Bottleneck's own retries ("failed" listeners) have nothing to work on.
        await new Promise<void>((release) => {
          let isHeld = true
          waiter.admit({
            settle(end) {
              if (!isHeld) return
              isHeld = false
              const wrong = wrongEnd(end)
              if (!wrong && end.outcome === "throttled") {
                closedUntilMs = Math.max(closedUntilMs, clock.now() + (end.retryAfterMs ?? 0))
              }
              countInScope(scope, "holding", -1)
              release()
              if (wrong) throw wrong
            },
          })
        })
      }
      const urgency = Math.min(9, Math.max(0, Math.round(5 - (priority ?? scope?.priority ?? 0))))
      bottleneck
        .schedule({ id, weight, priority: urgency }, job)
        .catch((error: unknown) => waiter.fail(translate(error)))
      return promise
    },
  }
  return limiter
}

function dropped(cause?: unknown): SluiceError {
  return new SluiceError("queue-full", "Bottleneck dropped the call from its queue (highWater, strategy).", {
    retryable: true,
    cause,
  })
}

function tooHeavy(message: string, cause?: unknown): SluiceError {
  return new SluiceError("cost-exceeds-limit", message, { cause })
}

function late(maxWaitMs: number): SluiceError {
  return new SluiceError("deadline-unreachable", `Bottleneck gave no permit within ${maxWaitMs} ms.`, {
    retryable: true,
    details: { maxWaitMs },
  })
}

/** Bottleneck tells its errors apart by their text alone. */
function translate(error: unknown): unknown {
  const message = error instanceof Error ? error.message : ""
  if (message.includes("dropped")) return dropped(error)
  if (message.includes("stop")) return new SluiceError("limiter-closed", `Bottleneck: ${message}`, { cause: error })
  if (message.includes("Impossible")) return tooHeavy(`Bottleneck: ${message}`, error)
  return error
}
