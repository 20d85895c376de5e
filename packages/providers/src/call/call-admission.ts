import { type Cost, countInScope, type Permit, SluiceError, type TaskScope } from "@sluice/core"
import { certainOf } from "../accounts/accounting.ts"
import { openFiles, withPlace } from "../http/open-files.ts"
import type { FetchContext } from "./context.ts"
import { accountRefused } from "./failure/ending.ts"
import type { PreparedCall } from "./prepared-call.ts"
import { callOptions } from "./with-call.ts"

/** How the attempts of one call are admitted: under its quota, with a connection of those that the process may open, in time. */
export class CallAdmission {
  readonly #context: FetchContext
  readonly #prepared: PreparedCall
  readonly #scope: TaskScope | undefined
  readonly #signal: AbortSignal | undefined
  readonly #startMs: number

  constructor(
    context: FetchContext,
    prepared: PreparedCall,
    call: {
      readonly scope: TaskScope | undefined
      readonly signal: AbortSignal | undefined
      /** When the call began, on the clock: `maxWaitMs` counts from then. */
      readonly startMs: number
    },
  ) {
    this.#context = context
    this.#prepared = prepared
    this.#scope = call.scope
    this.#signal = call.signal
    this.#startMs = call.startMs
  }

  /** The permit, and a connection of those that this process may open. Nothing is held while waiting for either. `since`: it comes back. */
  async permit(cost: Cost, since?: number): Promise<Permit> {
    const { pause } = this.#context
    for (;;) {
      if (pause.isOn) await this.#paused()
      if (!openFiles.take()) await this.#fileInTime()
      const atOnce = this.#withFile(cost)
      if (atOnce) return atOnce
      const permit = await this.#admit(cost, since)
      if (!pause.isOn && openFiles.take()) return withPlace(permit, openFiles)
      permit.settle({ outcome: "ignored", actual: { requests: 0 } })
    }
  }

  /** One that nobody else waits for, as soon as there is: `undefined` where there will be none, or `signal` says that it is not wanted any more. */
  async sparePermit(cost: Cost, signal: AbortSignal): Promise<Permit | undefined> {
    const { pause } = this.#context
    try {
      for (;;) {
        await pause.over(signal)
        if (this.#isRefused) return undefined
        const permit = await this.#admit(cost, undefined, signal)
        const isWanted = !signal.aborted && !pause.isOn
        if (isWanted && openFiles.take()) return withPlace(permit, openFiles)
        permit.settle({ outcome: "ignored", actual: { requests: 0 } })
        if (isWanted) return undefined
      }
    } catch {
      return undefined
    }
  }

  /** The permit to a connection that was taken already, which is given back where there is none. */
  #withFile(cost: Cost): Permit | undefined {
    let permit: Permit | undefined
    try {
      permit = this.#admitNow(cost)
    } finally {
      if (!permit) openFiles.give()
    }
    return permit && withPlace(permit, openFiles)
  }

  #paused(): Promise<void> {
    return this.#inTime("paused, and not resumed within maxWaitMs. Allow more time, or resume()", (signal) =>
      this.#context.pause.over(signal),
    )
  }

  #fileInTime(): Promise<void> {
    return this.#inTime(
      `${openFiles.taken} calls are in flight, all that this process may open connections for, and none ended within maxWaitMs. Allow more time, or more files (ulimit -n)`,
      (signal) => openFiles.wait(signal),
    )
  }

  /** Waits for what is no limit of the quota's, no longer than the call may. */
  async #inTime(why: string, wait: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const tooLong = new AbortController()
    const disarm = this.#context.clock.setTimer(this.#leftMs ?? Infinity, () => {
      const message = `${this.#prepared.vendor.name}: ${why}.`
      tooLong.abort(new SluiceError("deadline-unreachable", message, { retryable: true }))
    })
    countInScope(this.#scope, "waiting", 1)
    try {
      await wait(AbortSignal.any([tooLong.signal, this.#waitSignal]))
    } finally {
      countInScope(this.#scope, "waiting", -1)
      disarm()
    }
  }

  get #waitSignal(): AbortSignal {
    return this.#context.closing.either(this.#signal)
  }

  /** Of the shorter bound of what `limitedFetch` and `withCall` say. */
  get #leftMs(): number | undefined {
    const maxWaitMs = maxWaitOf(this.#context, this.#scope)
    return maxWaitMs === undefined ? undefined : Math.max(0, this.#startMs + maxWaitMs - this.#context.clock.now())
  }

  get #isRefused(): boolean {
    const { account, marks } = this.#prepared
    return account.isRefused(marks)
  }

  #admitNow(cost: Cost): Permit | undefined {
    const { quota, admitOptions } = this.#prepared
    if (this.#isRefused) throw accountRefused
    return quota.tryAdmit(cost, admitOptions)
  }

  /** `spare`: behind everybody else, and until then. */
  async #admit(cost: Cost, since: number | undefined, spare?: AbortSignal): Promise<Permit> {
    const { account, marks, quota, admitOptions } = this.#prepared
    // The account may be refused while this call waits in the queue of another model.
    const controller = new AbortController()
    const stop = account.onRefused(marks, () => controller.abort(accountRefused))
    const signal = AbortSignal.any([this.#waitSignal, controller.signal, ...(spare ? [spare] : [])])
    try {
      const leftMs = this.#leftMs
      return await quota.admit(cost, {
        ...admitOptions,
        certain: certainOf(this.#prepared, cost),
        signal,
        ...(since === undefined ? {} : { since }),
        ...(spare ? { priority: -Infinity } : leftMs === undefined ? {} : { maxWaitMs: leftMs }),
      })
    } finally {
      stop()
    }
  }
}

/** How long a call may wait in all: the shorter of what `limitedFetch` and `withCall` say. */
export function maxWaitOf(
  { maxWaitMs }: Pick<FetchContext, "maxWaitMs">,
  scope: TaskScope | undefined,
): number | undefined {
  const bounds = [maxWaitMs, callOptions(scope).maxWaitMs].filter((each) => each !== undefined)
  return bounds.length === 0 ? undefined : Math.min(...bounds)
}
