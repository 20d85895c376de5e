import type { Clock, Limiter, Permit } from "@sluice/core"
import type { Quota } from "../../src/index.ts"

/** A clock that knows how many of the timers set through it are due. */
class CountingClock implements Clock {
  pending = 0
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  wallNow(): number {
    return this.#clock.wallNow()
  }

  setTimer(delayMs: number, fn: () => void): () => void {
    // A timer that never fires wakes nobody.
    const counts = Number.isFinite(delayMs) ? 1 : 0
    let live = true
    const over = (): void => {
      if (live) this.pending -= counts
      live = false
    }
    this.pending += counts
    const cancel = this.#clock.setTimer(delayMs, () => {
      over()
      fn()
    })
    return () => {
      over()
      cancel()
    }
  }
}

/**
 * The quota that `create` makes, which throws as soon as something waits in it that nothing will ever wake: no timer runs and no
 * call is in flight.
 */
export function awake(
  create: (options: { readonly clock: Clock }) => Quota,
  clock: Clock,
): { readonly quota: Quota; readonly limiter: Limiter } {
  const counting = new CountingClock(clock)
  const quota = create({ clock: counting })
  const check = (): void => {
    const { waiting, inFlight, gate } = quota.snapshot()
    if (waiting === 0 || inFlight > 0 || counting.pending > 0) return
    throw new Error(`${waiting} wait, nothing runs and no timer is set: nothing ever wakes them (gate ${gate.state})`)
  }
  const checked = (permit: Permit): Permit => ({
    settle(end) {
      permit.settle(end)
      check()
    },
  })
  return {
    quota,
    limiter: {
      admit(cost, options) {
        const waits = quota.admit(cost, options).then(checked)
        try {
          check()
        } catch (error) {
          waits.catch(() => undefined)
          return Promise.reject(error)
        }
        return waits
      },
      tryAdmit(cost, options) {
        const permit = quota.tryAdmit(cost, options)
        return permit && checked(permit)
      },
    },
  }
}
