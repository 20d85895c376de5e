import type { Clock } from "@sluice/core"
import type { Offline } from "./absence.ts"
import type { LedgerEvents } from "./ledger-events.ts"
import type { Learner } from "./learner.ts"
import type { QuotaKeys } from "./store/quota-keys.ts"
import type { Store } from "./store/store.ts"
import type { TurnTold } from "./wire/turn.ts"

/** What a shared ledger needs besides its user's options. */
export interface SharedLedgerOptions {
  readonly store: Store
  readonly keys: QuotaKeys
  readonly label: string
  readonly events: LedgerEvents
  readonly member: string
  readonly newName: () => string
  readonly offline: Offline
  readonly clock: Clock
  /** For signs of life alone; default `clock`. */
  readonly beats?: Clock
  /** Time as the server is told it. Default: its own. */
  readonly serverNow?: () => number
  readonly leaseMs?: number
  readonly horizonMs?: number
  /** Left out, nothing is learned here. */
  readonly learner?: Learner
}

export interface ConversationOptions {
  readonly store: Store
  readonly keys: QuotaKeys
  readonly member: string
  readonly newName: () => string
  readonly told: () => TurnTold
  readonly clock: Clock
  /** For signs of life alone. */
  readonly beats: Clock
  readonly serverNow: (() => number) | undefined
  readonly leaseMs: number
  readonly horizonMs: number
  readonly offlineMs: number
  readonly learns: boolean
  readonly events: LedgerEvents
}
