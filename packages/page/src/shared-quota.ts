import type { WaitingFor } from "./wire.ts"

/** A quota that several processes share, as it is kept; `SharedQuotas.read` of `@sluice/redis` tells it so. */
export interface SharedQuota {
  /** Names it among all. */
  readonly tag: string
  readonly name: string
  readonly limits: readonly {
    readonly name: string
    readonly windowMs: number
    readonly kind: string
    readonly used: number
    readonly told?: number
    readonly set?: number
    readonly found?: number
    readonly level: number
  }[]
  readonly members: readonly {
    readonly id: string
    readonly silentMs: number
    /** Places that it holds, and calls that have a time to start at. */
    readonly places: number
    readonly tickets: number
    /** Calls that wait there, and what for. */
    readonly waiting: number
    readonly waitsFor?: string
    readonly learns: boolean
  }[]
  /** Calls of all processes that wait, by what for. */
  readonly waiting: readonly WaitingFor[]
  /** Processes that were lost, whose share is left alone for now. */
  readonly lost: number
  readonly gateMs: number
  readonly ramping: boolean
  /** Places in all (-1: no limit), and those that are taken. */
  readonly places: number
  readonly running: number
  readonly episodes: number
  readonly refused: number
  readonly started: number
  /** A limit that processes tell differently. */
  readonly differs?: string
}
