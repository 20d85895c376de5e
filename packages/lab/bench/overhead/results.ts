/** What an item took, in one round. */
export interface Taken {
  readonly cpuUs: number
  readonly wallUs: number
}

/** What a fresh process has taken for a number of items: its resident set at most, and how much of that the items cost. */
export interface Memory {
  readonly peakMegabytes: number
  readonly grownMegabytes: number
}

/**
 * The size of V8's young generation where memory is measured. Left to itself it grows to three times 16 MB and fills with garbage:
 * a million items then took 57 MB in a bare loop, which keeps nothing, and 58 in a batch. Held at 4 MB they take 1 and 2.
 */
export const youngMegabytes = 4

/** What was measured of one contestant. */
export interface Figures {
  readonly name: string
  /** The most it is given, if there is such a number. */
  readonly most?: number | undefined
  /** Each round with few items, and with many: none, if so many would take minutes. */
  readonly few: readonly Taken[]
  readonly many: readonly Taken[]
  /** `"died"`: its process ended before it was through. `undefined`: it was not measured. */
  readonly fewMemory?: Memory | "died" | undefined
  readonly manyMemory?: Memory | "died" | undefined
  /** What stopped it. */
  readonly failure?: string | undefined
}

export interface Results {
  readonly title: string
  /** What one item is, in one sentence. */
  readonly what: string
  readonly few: number
  readonly many: number
  /** The first is the bare loop. */
  readonly figures: readonly Figures[]
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN
}

export function cpuOf(taken: readonly Taken[]): number[] {
  return taken.map(({ cpuUs }) => cpuUs)
}

export function bareUsOf({ figures }: Results): number {
  return median(cpuOf(figures[0]?.few ?? []))
}
