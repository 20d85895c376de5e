import { randomUUID } from "node:crypto"
import type { Clock } from "@sluice/core"
import { awakeQuota, VirtualClock } from "@sluice/lab"
import { type Quota, quotaOn, type QuotaOptions } from "@sluice/scheduler"
import type { Offline } from "../../src/absence.ts"
import { LedgerEvents } from "../../src/ledger-events.ts"
import { Learner } from "../../src/learner.ts"
import { quotaKeys } from "../../src/store/quota-keys.ts"
import { SharedLedger } from "../../src/shared-ledger.ts"
import type { Store } from "../../src/store/store.ts"

/** A virtual clock at whose every timer, when all else has come to rest, each member's calls must have something that wakes them. */
export class RestingClock extends VirtualClock {
  readonly looks: Set<() => void> = new Set()

  override setTimer(delayMs: number, fn: () => void): () => void {
    return super.setTimer(delayMs, () => {
      for (const look of this.looks) look()
      fn()
    })
  }
}

export interface SetUp {
  readonly store: Store
  readonly clock: RestingClock
  readonly name?: string
  readonly member?: string
  readonly offline?: Offline
  readonly learns?: boolean
  readonly beats?: Clock
  /** By how much the server's clock is ahead. */
  readonly aheadMs?: () => number
}

/** A clock for signs of life that never come. */
export const noBeats: Clock = { now: () => 0, wallNow: () => 0, setTimer: () => () => {} }

/** One member of a shared quota in virtual time: the server is told the clock's. */
export function member(
  options: QuotaOptions,
  {
    store,
    clock: resting,
    name = randomUUID(),
    member = randomUUID().slice(0, 8),
    offline,
    learns = true,
    beats,
    aheadMs = () => 0,
  }: SetUp,
): Quota {
  const keys = quotaKeys(name, undefined)
  const serverNow = (): number => 1_000_000 + resting.now() + aheadMs()
  const create = (quota: QuotaOptions): Quota => {
    const clock = quota.clock!
    const ledger = new SharedLedger(quota, {
      store,
      keys,
      label: name,
      events: new LedgerEvents(quota.name ?? name, quota.onEvent, clock),
      member,
      newName: randomUUID,
      offline: offline ?? { does: "wait", forMs: 0, share: 0 },
      clock,
      serverNow,
      ...(beats && { beats }),
      ...(learns && { learner: new Learner({ ...quota, random: { next: () => 0.5 } }, { store, keys, serverNow }) }),
    })
    return quotaOn(ledger, quota)
  }
  return awakeQuota({ ...options, clock: resting }, create, (look) => resting.looks.add(look))
}
