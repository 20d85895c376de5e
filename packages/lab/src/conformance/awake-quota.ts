import type { Permit } from "@sluice/core"
import { createQuota, type Quota, type QuotaLimits, type QuotaOptions, systemClock } from "@sluice/scheduler"
import { CountingClock } from "../clock/counting-clock.ts"
import { whyAsleep } from "./why-asleep.ts"

/**
 * A quota that throws as soon as something waits in it that nothing will wake, or not in time: for every test of a quota. What
 * waits for time needs a timer of the quota that is due by then; what waits for an end, a call in flight. It looks after each
 * admission, settlement, departure, change of the limits and timer.
 *
 * A ledger that hears from elsewhere is not done by then: `atRest` is given the look, to be had when nothing moves any more, and
 * nothing looks by itself.
 *
 * @example
 * ```ts
 * const clock = new VirtualClock()
 * const quota = awakeQuota({ requestsPerMinute: 60, clock })
 * quota.name // => "quota"
 * ```
 */
export function awakeQuota(
  options: QuotaOptions = {},
  create: (options: QuotaOptions) => Quota = createQuota,
  atRest?: (look: () => void) => void,
): Quota {
  const clock = new CountingClock(options.clock ?? systemClock)
  const quota = create({ ...options, clock })
  const check = (): void => {
    const why = whyAsleep(quota.snapshot(), clock)
    if (why !== undefined) throw new Error(why)
  }
  if (atRest) {
    atRest(check)
    return quota
  }
  clock.afterTimer = check
  const checked = (permit: Permit): Permit => ({
    settle(end) {
      permit.settle(end)
      check()
    },
  })
  const { admit, tryAdmit, retune } = bound(quota)
  // The quota itself, not one around it: a limiter knows by itself who holds its permits.
  return Object.assign(quota, {
    admit(...asked: Parameters<Quota["admit"]>): Promise<Permit> {
      const waits = admit(...asked).then(checked, (error: unknown) => {
        check()
        throw error
      })
      try {
        check()
      } catch (error) {
        waits.catch(() => undefined)
        return Promise.reject(error as Error)
      }
      return waits
    },
    tryAdmit(...asked: Parameters<Quota["tryAdmit"]>): Permit | undefined {
      const permit = tryAdmit(...asked)
      return permit && checked(permit)
    },
    retune(limits: QuotaLimits): void {
      retune(limits)
      check()
    },
  })
}

function bound(quota: Quota): Pick<Quota, "admit" | "tryAdmit" | "retune"> {
  return {
    admit: quota.admit.bind(quota),
    tryAdmit: quota.tryAdmit.bind(quota),
    retune: quota.retune.bind(quota),
  }
}
