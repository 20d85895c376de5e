import { SluiceError, type AdmitOptions, type Clock, type Cost, type Limiter, type Permit } from "@sluice/core"
import {
  callable,
  checkArgument,
  checkOptions,
  clock as isClock,
  milliseconds,
  type Shape,
} from "@sluice/core/internal"
import { wrongAsk } from "../queue/limiter-checks.ts"
import { systemClock } from "../runtime/system-clock.ts"

export interface KeyedOptions<L> {
  /** A limiter unused for this long is forgotten. Default 10 minutes: longer than any vendor's window but a day. */
  readonly idleMs?: number
  /** Told when one is forgotten: close it here. */
  readonly onForget?: (key: string, limiter: L) => void
  readonly clock?: Clock
}

/** A limiter for each key: tenant, model, host. As a `Limiter` it goes by `options.tenant`, and refuses a call that has none. */
export interface Keyed extends Limiter {
  readonly isKeyed: true
  /** The limiter of one key, to be handed on: it finds the present one at each call. */
  of(key: string): Limiter
  /** How many are remembered now. */
  readonly size: number
}

interface KeyedEntry<L> {
  readonly limiter: L
  /** Calls that wait, and permits that are out. */
  inUse: number
  idleSinceMs: number
}

const defaultIdleMs = 600_000

const checks: Shape<KeyedOptions<never>> = { idleMs: milliseconds, onForget: callable, clock: isClock }

/**
 * One limiter per key, made by `factory` when the key first comes up.
 *
 * A limiter is forgotten once it was idle for `idleMs`, never while a call waits in it or a permit of it is out.
 * Forgetting needs no timer: each call looks at those that have been idle longest. A forgotten quota forgets what it has used,
 * so keep `idleMs` longer than its windows.
 *
 * @example
 * ```ts
 * const perTenant = keyed((tenant) => semaphore({ limit: 2, name: `tenant ${tenant}` }))
 * const permit = await perTenant.admit({}, { tenant: "acme" })
 * perTenant.size // => 1
 * permit.settle({ outcome: "success" })
 * ```
 */
export function keyed<L extends Limiter>(factory: (key: string) => L, options: KeyedOptions<L> = {}): Keyed {
  const { idleMs = defaultIdleMs, onForget, clock = systemClock } = options
  checkArgument("keyed", "factory", factory, callable)
  checkOptions("keyed", options, checks)
  // In the order of last use, so the longest idle come first.
  const entries = new Map<string, KeyedEntry<L>>()

  const enter = (key: string): KeyedEntry<L> => {
    forgetIdle()
    const entry = entries.get(key) ?? { limiter: factory(key), inUse: 0, idleSinceMs: 0 }
    entry.inUse++
    entries.delete(key)
    entries.set(key, entry)
    return entry
  }
  const leave = (key: string, entry: KeyedEntry<L>): void => {
    entry.idleSinceMs = clock.now()
    if (--entry.inUse > 0) return
    entries.delete(key)
    entries.set(key, entry)
  }
  const forgetIdle = (): void => {
    const nowMs = clock.now()
    for (const [key, entry] of entries) {
      if (entry.inUse > 0) continue
      if (nowMs - entry.idleSinceMs < idleMs) return
      entries.delete(key)
      onForget?.(key, entry.limiter)
    }
  }
  const wrap = (key: string, entry: KeyedEntry<L>, permit: Permit): Permit => {
    let isOut = true
    return {
      settle(end) {
        try {
          permit.settle(end)
        } finally {
          if (isOut) leave(key, entry)
          isOut = false
        }
      },
    }
  }

  const admit = async (given: string | undefined, cost?: Cost, admitOptions?: AdmitOptions): Promise<Permit> => {
    const key = checkKey(given, cost, admitOptions)
    const entry = enter(key)
    try {
      return wrap(key, entry, await entry.limiter.admit(cost, admitOptions))
    } catch (error) {
      leave(key, entry)
      throw error
    }
  }
  const tryAdmit = (given: string | undefined, cost?: Cost, admitOptions?: AdmitOptions): Permit | undefined => {
    const key = checkKey(given, cost, admitOptions)
    const entry = enter(key)
    let permit: Permit | undefined
    try {
      permit = entry.limiter.tryAdmit(cost, admitOptions)
    } finally {
      if (!permit) leave(key, entry)
    }
    return permit && wrap(key, entry, permit)
  }

  return {
    isKeyed: true,
    admit: (cost, admitOptions) => admit(admitOptions?.tenant, cost, admitOptions),
    tryAdmit: (cost, admitOptions) => tryAdmit(admitOptions?.tenant, cost, admitOptions),
    of: (key) => ({
      admit: (cost, admitOptions) => admit(key, cost, admitOptions),
      tryAdmit: (cost, admitOptions) => tryAdmit(key, cost, admitOptions),
    }),
    get size() {
      return entries.size
    },
  }
}

/** @throws for a call without a key: one limiter for all of those is what nobody means by a limiter for each. */
function checkKey(key: string | undefined, cost?: Cost, asked?: AdmitOptions): string {
  if (key !== undefined) return key
  // The key may be there under a name that nobody knows.
  const wrong = wrongAsk(cost ?? {}, asked)
  if (wrong) throw wrong
  throw new SluiceError(
    "invalid-option",
    "A keyed limiter was asked for a permit without a key. Give a batch, step or parallelMap a limiterKey: (item) => key, pass { tenant } to admit, or take limiter.of(key).",
  )
}
