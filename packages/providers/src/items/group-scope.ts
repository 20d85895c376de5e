import { type Cost, countInScope, type EventSink, type LaneScope, type TaskScope } from "@sluice/core"
import type { Share, SharedScope } from "./shares-of.ts"

/** One item of a group, as far as the group's request concerns it. */
export interface GroupMember {
  /** Of the call that brought the item. */
  readonly scope: TaskScope | undefined
  /** Its part of the request: what it weighs among the others. */
  readonly tokens: number
  /** It left, or has its result. */
  readonly gone: boolean
}

/**
 * The scope of a request that several items share: cancelled when all have left, not when one does; while it waits for
 * admission its items rest, so that an auto batch goes on pulling; while it runs they hold a permit; what it costs is theirs.
 */
export class GroupScope implements SharedScope {
  readonly parent = undefined
  readonly site: string
  readonly runId: string | undefined
  readonly spanId: number | undefined
  readonly signal: AbortSignal
  readonly priority: number
  readonly lane: LaneScope | "online" | undefined
  waiting = 0
  holding = 0
  readonly #members: readonly GroupMember[]
  #isHolding = false

  constructor(members: readonly GroupMember[], signal: AbortSignal, lane: LaneScope | undefined) {
    const first = members[0]?.scope
    this.#members = members
    this.signal = signal
    this.lane = lane
    this.priority = Math.max(...members.map(({ scope }) => scope?.priority ?? 0))
    this.runId = first?.runId
    // Of the batch around the items, where there is one.
    this.spanId = first?.parent?.spanId ?? first?.spanId
    this.site =
      members.length === 1 && first ? first.site : `coalesce of ${members.length} in ${first?.site ?? "no flow"}`
  }

  onChange(): void {
    const isHolding = this.holding > 0
    if (isHolding === this.#isHolding) return
    this.#isHolding = isHolding
    for (const member of this.#members) if (!member.gone) move(member.scope, isHolding)
  }

  /** A member goes while the request runs: it holds nothing any more. */
  leave(member: GroupMember): void {
    if (this.#isHolding) move(member.scope, false)
  }

  /** What each item owes of it, by weight. */
  shares(cost: Cost): Share[] {
    const total = this.#members.reduce((sum, { tokens }) => sum + tokens, 0)
    return this.#members.map(({ scope, tokens }) => {
      const part = total > 0 ? tokens / total : 1 / this.#members.length
      const entries = Object.entries(cost).map(([dimension, amount]) => [dimension, amount * part])
      return { scope, cost: Object.fromEntries(entries) as Cost }
    })
  }

  spend(cost: Cost, told?: EventSink): void {
    for (const share of this.shares(cost)) share.scope?.spend?.(share.cost, told)
  }
}

function move(scope: TaskScope | undefined, isHolding: boolean): void {
  countInScope(scope, isHolding ? "holding" : "resting", 1)
  countInScope(scope, isHolding ? "resting" : "holding", -1)
}
