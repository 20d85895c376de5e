import type { LimitSnapshot } from "@sluice/scheduler"
import type { ToldLimit } from "./wire/turn.ts"

/** Of each limit: its id, its level as the store has it, the sum of the corrections that are in it, and how often its numbers had changed there. */
export type SharedLevels = readonly (readonly [id: string, level: number, corrections: number, version: number])[]

/** What a limit is called in the store. */
export function idOf({ name, dimension, windowMs }: LimitSnapshot): ToldLimit["id"] {
  return name === "growth" ? name : `${dimension}/${windowMs}`
}

interface Look {
  readonly atMs: number
  readonly sum: number
}

/** By how much the levels of the store differ from those of the learner's own ledger, over the last looks at both. */
export class LevelDifferences {
  /** By how much a level differs for reasons of its own: a day that began before the learner. */
  readonly #offsets = new Map<string, number>()
  /** What each limit's corrections should sum up to, as seen lately, under the numbers that it had there then. */
  readonly #seen = new Map<string, { readonly version: number; readonly looks: Look[] }>()

  startOff(id: string, amount: number): void {
    this.#offsets.set(id, amount)
  }

  /** A look at both sides at one moment. */
  compare(own: readonly LimitSnapshot[], atMs: number, levels: SharedLevels): void {
    for (const [id, level, corrections, version] of levels) {
      const ours = own.find((limit) => idOf(limit) === id)
      if (!ours) continue
      const sum = ours.level - (this.#offsets.get(id) ?? 0) - (level - corrections)
      // Windows forget in steps that are not the same on both sides: what differs for a moment is no difference.
      const lastsMs = ours.kind === "bucket" ? 0 : (ours.windowMs ?? 0) / 50
      // What was seen under other numbers says nothing: a bucket that became shallower there has lost what this one had lost before.
      const seen = this.#under(id, version)
      while (seen.length > 1 && seen[1]!.atMs <= atMs - lastsMs) seen.shift()
      seen.push({ atMs, sum })
      this.#seen.set(id, { version, looks: seen })
    }
  }

  /** The sum of corrections nearest to this one that all recent looks agree on. */
  agreed(id: string, sum: number, version: number): number {
    const sums = this.#under(id, version).map((each) => each.sum)
    if (sums.length === 0) return sum
    const [least, most] = [Math.min(...sums), Math.max(...sums)]
    return least > sum ? least : most < sum ? most : sum
  }

  #under(id: string, version: number): Look[] {
    const seen = this.#seen.get(id)
    return seen?.version === version ? seen.looks : []
  }

  clear(): void {
    this.#offsets.clear()
    this.#seen.clear()
  }
}
